"""Versions whose files were deleted while an older one stayed."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table: an older document must not take over without a word."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
