"""Each contradiction of two passages is a row of its own."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Tell contradictions by their statements too: two passages may differ in two figures."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
