"""Orders, and the type of their status."""

import sqlalchemy as sa
from alembic import op

revision = "a20"
down_revision = "a10"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("status", sa.Enum("open", "paid", "sent", name="order_status"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_orders_user_id", ondelete="CASCADE"),
    )
    op.create_index("idx_orders_user_id", "orders", ["user_id"])


def downgrade():
    op.drop_table("orders")
    op.execute("DROP TYPE order_status")
