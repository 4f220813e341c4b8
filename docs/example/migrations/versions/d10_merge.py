"""Merge the two branches."""

revision = "d10"
down_revision = ("b20", "c20")
branch_labels = None
depends_on = None


def upgrade():
    pass


def downgrade():
    pass
