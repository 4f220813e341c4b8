"""The total of an order."""

import sqlalchemy as sa
from alembic import op

revision = "d30"
down_revision = "d20"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("orders", sa.Column("total", sa.Numeric(12, 2)))


def downgrade():
    op.drop_column("orders", "total")
