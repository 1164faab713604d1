"""Documents with the same content are copies."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a place in a family be that of a copy."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
