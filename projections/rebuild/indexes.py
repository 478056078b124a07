"""Tables are filled without their indexes: made afterwards, each is sorted once."""

from typing import Final

from infra.postgres import Connection

_OF_SCHEMA: Final = (
    "SELECT c.conname AS name, r.relname AS relation, true AS is_constraint,"
    " format('ALTER TABLE %s ADD CONSTRAINT %I %s', c.conrelid::regclass, c.conname,"
    " pg_get_constraintdef(c.oid)) AS statement"
    " FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid"
    " WHERE c.connamespace = $1::text::regnamespace AND c.contype IN ('p', 'u')"
    " UNION ALL "
    "SELECT i.indexname, i.tablename, false, i.indexdef FROM pg_indexes AS i"
    " WHERE i.schemaname = $1 AND NOT EXISTS (SELECT FROM pg_constraint AS c"
    " WHERE c.conname = i.indexname AND c.connamespace = $1::text::regnamespace)"
)


async def take_indexes(db: Connection, schema: str) -> list[str]:
    """Drop all indexes of a schema's tables. Returns the statements that make them again."""
    found = await db.fetch(_OF_SCHEMA, schema)
    for row in found:
        if row["is_constraint"]:
            table = f'{schema}."{row["relation"]}"'
            await db.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{row["name"]}"')
        else:
            await db.execute(f'DROP INDEX {schema}."{row["name"]}"')
    return [row["statement"] for row in found]
