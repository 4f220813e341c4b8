"""What was ordered: needs products from one branch."""

import sqlalchemy as sa
from alembic import op

revision = "d20"
down_revision = "d10"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.Integer, nullable=False),
        sa.Column("product_id", sa.Integer, nullable=False),
        sa.Column("amount", sa.Integer, nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("order_id", "product_id", name="pk_order_lines"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_lines_order_id"),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name="fk_order_lines_product_id"),
    )


def downgrade():
    op.drop_table("order_lines")
