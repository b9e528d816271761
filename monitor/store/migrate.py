"""Bringing a database from an older schema to this one."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from sqlalchemy import Connection

from monitor.errors import StoreError


def upgrade(
    connection: Connection, migrations: Path, name: str, found: str | None
) -> None:
    """Apply each migration after `found`, inside the caller's transaction.

    Raises StoreError when the database was written by a newer driftd.
    """
    script = ScriptDirectory(str(migrations), version_locations=[str(migrations)])
    try:
        steps = list(script.iterate_revisions("head", found or "base"))
    except RevisionError as error:
        newest = script.get_current_head()
        message = (
            f"{name}: the store has schema {found}, newer than {newest}, the newest "
            f"this driftd knows. Fix: upgrade driftd, or restore the backup from "
            f"before the upgrade"
        )
        raise StoreError(message) from error
    context = MigrationContext.configure(connection)
    for step in reversed(steps):
        with Operations.context(context):
            step.module.upgrade()
        context.stamp(script, step.revision)
