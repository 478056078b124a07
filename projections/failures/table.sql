CREATE TABLE IF NOT EXISTS failures (
    tenant   text COLLATE "C" NOT NULL,
    call     text COLLATE "C" NOT NULL,
    sequence bigint      NOT NULL,
    index    int         NOT NULL,
    at       timestamptz NOT NULL,
    stage    text        NOT NULL,
    kind     text        NOT NULL,
    provider text,
    tool     text,
    turn     int,
    reply    int,
    in_a_row int,
    followed text,
    PRIMARY KEY (tenant, call, sequence, index)
);
CREATE INDEX IF NOT EXISTS failures_by_time ON failures (tenant, at);
COMMENT ON TABLE failures IS 'One row for each thing that went wrong in a call. Without the words of anybody.';
COMMENT ON COLUMN failures.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN failures.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN failures.sequence IS 'Stream sequence of the message that tells of it.';
COMMENT ON COLUMN failures.index IS 'Place in that message, starts at 0.';
COMMENT ON COLUMN failures.at IS 'The event''s at_ms, clock of its writer.';
COMMENT ON COLUMN failures.stage IS 'stt (UtteranceMisheard, RecogniserSwitched), rag (PassagesFailed, PassagesTaken that was late), llm (a decision caused by ModelFailed, or by a model that wrote nothing; ModelSwitched), tts (SynthesisFailed, VoiceSwitched, SynthesisDropped of a reply nobody gave up), tool (ToolReturned that is not ok, ToolRefused), line (LineLost that was not planned, or an end of the call for such a reason).';
COMMENT ON COLUMN failures.kind IS 'The error''s class or code. stt: nothing, unsure, provider_failed, misheard (no more is known); rag: the error''s class, or late; llm: the error''s class, nothing_written, or slow (a hedge was quicker); tts: the error''s class, or dropped; tool: failed, unsure (nobody knows whether it was run), refused; line: the reason.';
COMMENT ON COLUMN failures.provider IS 'The provider at fault. NULL: none, or not in the log: of a model that was the last one asked.';
COMMENT ON COLUMN failures.tool IS 'Name of the tool. NULL: it is not about a tool.';
COMMENT ON COLUMN failures.turn IS 'The turn it spoiled, starts at 1; 0: the greeting. NULL: none; at stage stt: the dialog made no turn of it, because the agent was speaking or busy.';
COMMENT ON COLUMN failures.reply IS 'The reply it spoiled, or that was said because of it; starts at 1. NULL: none.';
COMMENT ON COLUMN failures.in_a_row IS 'Turns misheard in a row, this one counted. From TurnMisheard; NULL at other stages.';
COMMENT ON COLUMN failures.followed IS 'What came of it first: switched (another provider went on), asked_again (stt), fallback (a phrase in place of the answer), transfer (to a person), answer (without what was missing), result (the caller was told that the tool failed), left_out (the reply was heard without it), interrupted (the reply was given up), overtaken (the caller spoke on before the answer), returned (the line came back), ended (the call). NULL: nothing yet.';
