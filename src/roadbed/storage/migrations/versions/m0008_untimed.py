"""Comparisons without a time: a decider that was still starting says nothing about its pace."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let both times be unknown."""
    op.execute(
        "ALTER TABLE comparison ALTER live_seconds DROP NOT NULL, "
        "ALTER candidate_seconds DROP NOT NULL"
    )
