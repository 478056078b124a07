CREATE TABLE IF NOT EXISTS projection_positions (
    name       text        NOT NULL,
    generation int         NOT NULL,
    version    int         NOT NULL,
    position   bigint      NOT NULL DEFAULT 0,
    stored_at  timestamptz,
    state      text        NOT NULL DEFAULT 'live',
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX IF NOT EXISTS projection_positions_live ON projection_positions (name) WHERE state = 'live';
COMMENT ON TABLE projection_positions IS 'How far each generation of a projection has read the log. Its rows and its position change in one transaction.';
COMMENT ON COLUMN projection_positions.name IS 'The projection: its folder and its first table.';
COMMENT ON COLUMN projection_positions.generation IS 'Of its tables, starts at 1: a rebuild makes the next one, in the schema name_generation.';
COMMENT ON COLUMN projection_positions.version IS 'Meaning of its rows, rises with each change.';
COMMENT ON COLUMN projection_positions.position IS 'Stream sequence of the last message taken in; 0: none yet.';
COMMENT ON COLUMN projection_positions.stored_at IS 'When the log stored that message, clock of its server; null: not known since a rebuild.';
COMMENT ON COLUMN projection_positions.state IS 'filling: being rebuilt; live: what everybody reads; kept: the one before, for a rollback.';
COMMENT ON COLUMN projection_positions.made_at IS 'When this generation was begun, clock of this database.';
COMMENT ON COLUMN projection_positions.updated_at IS 'When the position last rose, clock of this database.';

CREATE TABLE IF NOT EXISTS parked (
    projection text        NOT NULL,
    generation int         NOT NULL,
    tenant     text        NOT NULL,
    call       text        NOT NULL,
    sequence   bigint      NOT NULL,
    error      text        NOT NULL,
    skipped    bigint      NOT NULL DEFAULT 0,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (projection, generation, tenant, call)
);
COMMENT ON TABLE parked IS 'Calls a projection has stopped following, each because of one message it could not take.';
COMMENT ON COLUMN parked.projection IS 'The projection that stopped following; the others may go on.';
COMMENT ON COLUMN parked.generation IS 'Of its tables.';
COMMENT ON COLUMN parked.tenant IS 'Whose call.';
COMMENT ON COLUMN parked.call IS 'The call.';
COMMENT ON COLUMN parked.sequence IS 'Stream sequence of the message that could not be taken.';
COMMENT ON COLUMN parked.error IS 'Kind of the error; never its text, which may hold what was said.';
COMMENT ON COLUMN parked.skipped IS 'Count of later messages of the call left out because of it.';
COMMENT ON COLUMN parked.at IS 'When it was parked, clock of this database.';
