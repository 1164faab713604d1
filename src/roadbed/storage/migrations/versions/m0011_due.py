"""What is due is found by its destination: each gets its share of the senders."""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A destination with much to send must not be read through to find what others have."""
    op.execute("DROP INDEX delivery_due")
    op.execute(
        "CREATE INDEX delivery_due ON delivery (use_case, destination, next_at) "
        "WHERE state = 'waiting'"
    )
