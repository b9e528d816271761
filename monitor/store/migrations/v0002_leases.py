"""Leases, and room for counts of more than 2^31 rows where integers are that small."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_COUNTS = {
    "evaluation": ("rows", "labelled"),
    "reference": ("rows",),
    "run": ("rows", "sampled"),
    "verdict": ("n_reference", "n_current"),
}


def upgrade() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token", sa.Integer(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    if op.get_bind().dialect.name == "sqlite":
        return  # its integers have 64 bits
    for table, columns in _COUNTS.items():
        for column in columns:
            op.alter_column(table, column, type_=sa.BigInteger())
