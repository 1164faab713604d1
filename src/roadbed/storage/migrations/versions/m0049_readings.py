"""The number of the reading that gave each version of a document."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Its default is a constant, so no row of the table is written."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
