"""The role of who asks questions and reads only the answers to them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0042"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Allow the role, and find the questions of a person."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
