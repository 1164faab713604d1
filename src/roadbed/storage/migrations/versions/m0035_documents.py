"""Documents: their versions, parts and passages, and who belongs to access groups."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0035"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of the library."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace(":", r"\:"))
