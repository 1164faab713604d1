"""The reason of who requests a resume."""

from __future__ import annotations

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep why somebody requests a resume, so that the one who confirms can read it."""
    op.execute("ALTER TABLE halt ADD COLUMN resume_reason text")
