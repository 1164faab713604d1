"""Changed verdicts reach receivers; causes are told once; keys of long histories."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark what a changed verdict leaves unsent, and add the indexes that large histories need."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace(":", r"\:"))
