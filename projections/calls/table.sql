CREATE TABLE IF NOT EXISTS calls (
    tenant          text COLLATE "C" NOT NULL,
    call            text COLLATE "C" NOT NULL,
    state           text        NOT NULL DEFAULT 'ringing',
    carrier         text,
    carrier_call    text,
    direction       text,
    caller          text,
    called          text,
    agent           text,
    revision        int,
    language        text,
    languages       text[]      NOT NULL DEFAULT '{}',
    rang_at         timestamptz,
    answered_at     timestamptz,
    ended_at        timestamptz,
    duration_ms     bigint GENERATED ALWAYS AS
                    (round(extract(epoch FROM ended_at - answered_at) * 1000)) VIRTUAL,
    end_reason      text,
    phase           text,
    turns           int         NOT NULL DEFAULT 0,
    misheard        int         NOT NULL DEFAULT 0,
    replies         int         NOT NULL DEFAULT 0,
    interruptions   int         NOT NULL DEFAULT 0,
    tool_runs       int         NOT NULL DEFAULT 0,
    transferred_to  text,
    carrier_status  text,
    carrier_report  int,
    frames          bigint,
    late_frames     bigint,
    outcome         text,
    summary         text,
    PRIMARY KEY (tenant, call)
);
CREATE INDEX IF NOT EXISTS calls_by_ring ON calls (tenant, rang_at DESC NULLS LAST);

COMMENT ON TABLE calls IS 'One row for each call, from its first message on. NULL: not known yet, or never.';
COMMENT ON COLUMN calls.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN calls.call IS 'The call''s id, a UUIDv7, from the subject.';
COMMENT ON COLUMN calls.state IS 'ringing, live (from LineAnswered), ended (from LineEnded or CallEnded).';
COMMENT ON COLUMN calls.carrier IS 'The telephone company: twilio, loopback... From LineRang.';
COMMENT ON COLUMN calls.carrier_call IS 'The carrier''s own id of the call (Twilio: CallSid). From LineRang.';
COMMENT ON COLUMN calls.direction IS 'inbound or outbound. From LineRang.';
COMMENT ON COLUMN calls.caller IS 'Personal data. Number or address of the person, as the carrier gave it. From LineRang.';
COMMENT ON COLUMN calls.called IS 'Personal data. Number or address that was called. From LineRang.';
COMMENT ON COLUMN calls.agent IS 'The agent''s name. From LineRang.';
COMMENT ON COLUMN calls.revision IS 'The agent''s revision kept for the whole call, starts at 1. From LineRang.';
COMMENT ON COLUMN calls.language IS 'BCP 47. From CallOpened.';
COMMENT ON COLUMN calls.languages IS 'BCP 47: the one of CallOpened, then others in which the caller was heard, where the recogniser tells. From TranscriptFinalized.';
COMMENT ON COLUMN calls.rang_at IS 'LineRang, clock of the gateway.';
COMMENT ON COLUMN calls.answered_at IS 'LineAnswered, clock of the gateway.';
COMMENT ON COLUMN calls.ended_at IS 'LineEnded, clock of the gateway; where that is missing, CallEnded, clock of the dialog.';
COMMENT ON COLUMN calls.duration_ms IS 'Milliseconds from answered_at to ended_at. NULL when never answered.';
COMMENT ON COLUMN calls.end_reason IS 'From LineEnded; where that is missing, from CallEnded.';
COMMENT ON COLUMN calls.phase IS 'The phase reached: start, discovery, active, completion. From PhaseEntered.';
COMMENT ON COLUMN calls.turns IS 'Count of TurnTaken: turns that were understood.';
COMMENT ON COLUMN calls.misheard IS 'Count of TurnMisheard: turns that were not understood.';
COMMENT ON COLUMN calls.replies IS 'Count of ReplyBegun, the greeting included.';
COMMENT ON COLUMN calls.interruptions IS 'Count of ReplyInterrupted.';
COMMENT ON COLUMN calls.tool_runs IS 'Count of ToolCalled.';
COMMENT ON COLUMN calls.transferred_to IS 'The agent''s own number or address the caller was handed to. From TransferRequested.';
COMMENT ON COLUMN calls.carrier_status IS 'The carrier''s newest report of the call (Twilio: CallStatus). From CarrierReported.';
COMMENT ON COLUMN calls.carrier_report IS 'The carrier''s number of that report: a report that comes late changes nothing. From CarrierReported.';
COMMENT ON COLUMN calls.frames IS 'Caller frames of 20 ms received. From LineEnded.';
COMMENT ON COLUMN calls.late_frames IS 'Of those, later than 20 ms behind the carrier''s own time stamps. From LineEnded.';
COMMENT ON COLUMN calls.outcome IS 'success, failure, unknown: the last judgement of the finished call. From OutcomeRecorded.';
COMMENT ON COLUMN calls.summary IS 'Personal data. What the call was about and what came of it. From OutcomeRecorded.';
