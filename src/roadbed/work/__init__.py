"""Long jobs: named, durable steps that continue after a crash, in this or in another process."""

from __future__ import annotations
