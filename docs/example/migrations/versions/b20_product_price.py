"""What a product costs."""

import sqlalchemy as sa
from alembic import op

revision = "b20"
down_revision = "b10"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("products", sa.Column("price", sa.Numeric(12, 2), nullable=False, server_default="0"))
    op.alter_column("products", "price", server_default=None)
    op.create_check_constraint(op.f("chk_products_price_not_negative"), "products", "price >= 0")


def downgrade():
    op.drop_column("products", "price")
