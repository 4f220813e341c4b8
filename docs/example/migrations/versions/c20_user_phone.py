"""A phone number for users."""

import sqlalchemy as sa
from alembic import op

revision = "c20"
down_revision = "c10"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("users", sa.Column("phone", sa.Text))


def downgrade():
    op.drop_column("users", "phone")
