CREATE TABLE IF NOT EXISTS tool_runs (
    tenant      text COLLATE "C" NOT NULL,
    call        text COLLATE "C" NOT NULL,
    invocation  text COLLATE "C" NOT NULL,
    turn        int,
    tool        text        NOT NULL,
    arguments   jsonb,
    runs        int         NOT NULL DEFAULT 0,
    ok          boolean,
    result      jsonb,
    called_at   timestamptz,
    returned_at timestamptz,
    took_ms     double precision,
    PRIMARY KEY (tenant, call, invocation)
);
COMMENT ON TABLE tool_runs IS 'One row for each use of a tool that was begun.';
COMMENT ON COLUMN tool_runs.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN tool_runs.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN tool_runs.invocation IS 'The stable id of this use, from ToolCalled: what the tool itself may tell repetitions by.';
COMMENT ON COLUMN tool_runs.turn IS 'The turn it belongs to, starts at 1. From ToolCalled.';
COMMENT ON COLUMN tool_runs.tool IS 'The tool''s name. From ToolCalled.';
COMMENT ON COLUMN tool_runs.arguments IS 'Personal data. What it was called with. From ToolCalled.';
COMMENT ON COLUMN tool_runs.runs IS 'Count of ToolCalled of this use: more than 1 only for a tool that may be repeated.';
COMMENT ON COLUMN tool_runs.ok IS 'Whether it succeeded; NULL: it has not returned. From ToolReturned.';
COMMENT ON COLUMN tool_runs.result IS 'Personal data. What it answered. From ToolReturned.';
COMMENT ON COLUMN tool_runs.called_at IS 'First ToolCalled, clock of the dialog.';
COMMENT ON COLUMN tool_runs.returned_at IS 'ToolReturned, clock of the dialog.';
COMMENT ON COLUMN tool_runs.took_ms IS 'Milliseconds the tool took. From ToolReturned.';
