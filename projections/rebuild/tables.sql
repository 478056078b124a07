CREATE TABLE IF NOT EXISTS rebuilds (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    names      text[]      NOT NULL,
    versions   int[]       NOT NULL,
    numbers    int[]       NOT NULL,
    first      bigint      NOT NULL,
    last       bigint      NOT NULL,
    chunk      int         NOT NULL,
    indexes    text[]      NOT NULL,
    filled     boolean     NOT NULL DEFAULT false,
    begun_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE rebuilds IS 'Rebuilds that are under way: each fills new generations of some projections, and is gone when they are live.';
COMMENT ON COLUMN rebuilds.id IS 'Rises with each rebuild.';
COMMENT ON COLUMN rebuilds.names IS 'The projections.';
COMMENT ON COLUMN rebuilds.versions IS 'Their versions, in the same order: a program of other versions begins anew.';
COMMENT ON COLUMN rebuilds.numbers IS 'The generations being filled, in the same order.';
COMMENT ON COLUMN rebuilds.first IS 'Stream sequence of the first message the log held at the beginning.';
COMMENT ON COLUMN rebuilds.last IS 'Stream sequence of the last one; what comes later is followed as usual.';
COMMENT ON COLUMN rebuilds.chunk IS 'Messages in a chunk.';
COMMENT ON COLUMN rebuilds.indexes IS 'Statements that have yet to make indexes, which the tables do without while they are filled.';
COMMENT ON COLUMN rebuilds.filled IS 'Whether all chunks are in and the indexes made.';
COMMENT ON COLUMN rebuilds.begun_at IS 'Clock of this database.';

CREATE TABLE IF NOT EXISTS rebuild_chunks (
    rebuild bigint NOT NULL REFERENCES rebuilds ON DELETE CASCADE,
    chunk   text   NOT NULL,
    events  bigint NOT NULL,
    rows    bigint NOT NULL,
    PRIMARY KEY (rebuild, chunk)
);
COMMENT ON TABLE rebuild_chunks IS 'What a rebuild has stored: a chunk''s rows and its row here come in one transaction.';
COMMENT ON COLUMN rebuild_chunks.rebuild IS 'Which rebuild.';
COMMENT ON COLUMN rebuild_chunks.chunk IS 'Stream sequence at which it begins; or the archive''s segment.';
COMMENT ON COLUMN rebuild_chunks.events IS 'Events of the calls that begin in it.';
COMMENT ON COLUMN rebuild_chunks.rows IS 'Rows stored.';

CREATE TABLE IF NOT EXISTS rebuild_crossings (
    rebuild bigint  NOT NULL REFERENCES rebuilds ON DELETE CASCADE,
    chunk   text    NOT NULL,
    tenant  text    NOT NULL,
    call    text    NOT NULL,
    begun   boolean NOT NULL,
    last    bigint  NOT NULL
);
COMMENT ON TABLE rebuild_crossings IS 'Calls that have messages in more than one chunk. One that the chunk it begins in did not see to its end is made anew at last.';
COMMENT ON COLUMN rebuild_crossings.rebuild IS 'Which rebuild.';
COMMENT ON COLUMN rebuild_crossings.chunk IS 'Which of its chunks.';
COMMENT ON COLUMN rebuild_crossings.tenant IS 'Whose call.';
COMMENT ON COLUMN rebuild_crossings.call IS 'The call.';
COMMENT ON COLUMN rebuild_crossings.begun IS 'Whether it begins in this chunk: then its rows are stored.';
COMMENT ON COLUMN rebuild_crossings.last IS 'Stream sequence of the last of its messages that the chunk saw.';
