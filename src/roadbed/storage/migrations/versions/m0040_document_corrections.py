"""Documents reported as outdated, and questions that the documents do not answer."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "0040"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of reports and gaps."""
    op.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace(":", r"\:"))
