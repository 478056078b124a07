CREATE TABLE IF NOT EXISTS timeline (
    tenant     text COLLATE "C" NOT NULL,
    call       text COLLATE "C" NOT NULL,
    sequence   bigint      NOT NULL,
    index      int         NOT NULL,
    at         timestamptz NOT NULL,
    offset_ms  bigint      NOT NULL,
    lane       text        NOT NULL,
    type       text        NOT NULL,
    label      text        NOT NULL,
    detail     jsonb       NOT NULL,
    stored_at  timestamptz NOT NULL,
    -- A volatile default, as clock_timestamp(), would have COPY store row by row instead of by pages.
    visible_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    row_ms     double precision GENERATED ALWAYS AS
               (extract(epoch FROM visible_at - stored_at) * 1000) VIRTUAL,
    PRIMARY KEY (call, sequence, index, tenant)
);
COMMENT ON TABLE timeline IS 'One row for each event of a call.';
COMMENT ON COLUMN timeline.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN timeline.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN timeline.sequence IS 'Stream sequence of the event''s message: the order of all that happened.';
COMMENT ON COLUMN timeline.index IS 'Place in the message, starts at 0.';
COMMENT ON COLUMN timeline.at IS 'The event''s at_ms, clock of its writer.';
COMMENT ON COLUMN timeline.offset_ms IS 'Milliseconds from the ring (the call''s first event kept) to at; clocks of two writers may differ.';
COMMENT ON COLUMN timeline.lane IS 'Who did it: line, caller, agent, dialog, knowledge, tool, outcome.';
COMMENT ON COLUMN timeline.type IS 'The event''s type, with the version of its contract.';
COMMENT ON COLUMN timeline.label IS 'Personal data. The event in a few words, with what was said.';
COMMENT ON COLUMN timeline.detail IS 'Personal data. The event''s other fields, with their names and units; passages without their text.';
COMMENT ON COLUMN timeline.stored_at IS 'When the log stored the message, clock of the NATS server.';
COMMENT ON COLUMN timeline.visible_at IS 'When this row was written, clock of this database; its transaction ends a little later.';
COMMENT ON COLUMN timeline.row_ms IS 'Milliseconds from stored_at to visible_at; large where the projection was behind.';
