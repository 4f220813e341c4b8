"""Products."""

import sqlalchemy as sa
from alembic import op

revision = "b10"
down_revision = "a20"
branch_labels = None
depends_on = None


def upgrade():
    op.create_table(
        "products",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_products"),
    )


def downgrade():
    op.drop_table("products")
