"""Forms: a task's input as its declaration reads it, and what was sent beside it."""

from __future__ import annotations

from alembic import op

revision = "0017"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep the body beside the form, where the two differ. Earlier tasks hold the body alone."""
    op.execute("ALTER TABLE task ADD COLUMN sent jsonb")
