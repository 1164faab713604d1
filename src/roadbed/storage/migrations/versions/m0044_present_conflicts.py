"""Contradictions between documents as they are now, for everything that reads them."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the view: the page and the inbox must count the same."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
