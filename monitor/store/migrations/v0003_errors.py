"""The single outcomes of a window, right or wrong, for detectors that take no less."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "errors",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"], ["run.seq"], name="fk_errors_run", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run", name="pk_errors"),
    )
