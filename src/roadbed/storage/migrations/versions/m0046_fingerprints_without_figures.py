"""Fingerprints of documents in which all figures are equal."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forget the fingerprints that tell figures apart: they cannot be compared with others."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
