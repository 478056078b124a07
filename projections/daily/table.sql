CREATE TABLE IF NOT EXISTS daily (
    tenant               text COLLATE "C" NOT NULL,
    call                 text COLLATE "C" NOT NULL,
    hour                 timestamptz NOT NULL,
    agent                text        NOT NULL DEFAULT '',
    revision             int         NOT NULL DEFAULT 0,
    language             text        NOT NULL DEFAULT '',
    direction            text        NOT NULL DEFAULT '',
    calls                int         NOT NULL DEFAULT 1,
    answered             int         NOT NULL DEFAULT 0,
    ended                int         NOT NULL DEFAULT 0,
    duration_ms          bigint      NOT NULL DEFAULT 0,
    turns                int         NOT NULL DEFAULT 0,
    misheard             int         NOT NULL DEFAULT 0,
    replies              int         NOT NULL DEFAULT 0,
    fallbacks            int         NOT NULL DEFAULT 0,
    interruptions        int         NOT NULL DEFAULT 0,
    barge_ins            int         NOT NULL DEFAULT 0,
    wait_ms              bigint      NOT NULL DEFAULT 0,
    waits                int         NOT NULL DEFAULT 0,
    questions            int         NOT NULL DEFAULT 0,
    unanswered_questions int         NOT NULL DEFAULT 0,
    tool_runs            int         NOT NULL DEFAULT 0,
    tool_failures        int         NOT NULL DEFAULT 0,
    transfers            int         NOT NULL DEFAULT 0,
    transfers_misheard   int         NOT NULL DEFAULT 0,
    line_losses          int         NOT NULL DEFAULT 0,
    tokens_in            bigint      NOT NULL DEFAULT 0,
    tokens_out           bigint      NOT NULL DEFAULT 0,
    succeeded            int         NOT NULL DEFAULT 0,
    failed               int         NOT NULL DEFAULT 0,
    end_caller_hung_up   int         NOT NULL DEFAULT 0,
    end_agent_hung_up    int         NOT NULL DEFAULT 0,
    end_transferred      int         NOT NULL DEFAULT 0,
    end_inactivity       int         NOT NULL DEFAULT 0,
    end_duration         int         NOT NULL DEFAULT 0,
    end_media_lost       int         NOT NULL DEFAULT 0,
    end_line_lost        int         NOT NULL DEFAULT 0,
    end_refused          int         NOT NULL DEFAULT 0,
    end_unanswered       int         NOT NULL DEFAULT 0,
    end_bus_lost         int         NOT NULL DEFAULT 0,
    end_shutdown         int         NOT NULL DEFAULT 0,
    end_other            int         NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, call)
);
CREATE INDEX IF NOT EXISTS daily_by_hour ON daily (tenant, hour, agent);
COMMENT ON TABLE daily IS 'What each call adds to its hour: one row for each call, of which all columns from calls on are made to be summed by tenant, hour, agent, revision, language, direction.';
COMMENT ON COLUMN daily.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN daily.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN daily.hour IS 'Begin of the hour (UTC) in which it rang. From LineRang, clock of the gateway.';
COMMENT ON COLUMN daily.agent IS 'The agent''s name. From LineRang.';
COMMENT ON COLUMN daily.revision IS 'The agent''s revision, starts at 1; 0: not known. From LineRang.';
COMMENT ON COLUMN daily.language IS 'BCP 47; empty: not opened. From CallOpened.';
COMMENT ON COLUMN daily.direction IS 'inbound or outbound. From LineRang.';
COMMENT ON COLUMN daily.calls IS '1.';
COMMENT ON COLUMN daily.answered IS '1: it was answered. From LineAnswered.';
COMMENT ON COLUMN daily.ended IS '1: it is over. From LineEnded, CallEnded.';
COMMENT ON COLUMN daily.duration_ms IS 'Milliseconds from answer to end; 0: not answered, or not over. From LineAnswered and LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.turns IS 'Turns understood. From TurnTaken.';
COMMENT ON COLUMN daily.misheard IS 'Turns not understood. From TurnMisheard.';
COMMENT ON COLUMN daily.replies IS 'Replies begun, the greeting included. From ReplyBegun.';
COMMENT ON COLUMN daily.fallbacks IS 'Replies that were a phrase in place of an answer. From ReplyBegun.';
COMMENT ON COLUMN daily.interruptions IS 'Count of ReplyInterrupted: replies given up before their end, for whatever reason.';
COMMENT ON COLUMN daily.barge_ins IS 'Times the caller spoke over a reply. From SpeechStarted.';
COMMENT ON COLUMN daily.wait_ms IS 'Milliseconds waited in all: from the end of the caller''s speech to the first audio of the first reply to it. From TurnTaken, TurnMisheard, PlaybackStarted.';
COMMENT ON COLUMN daily.waits IS 'Turns in wait_ms: wait_ms / waits is the mean.';
COMMENT ON COLUMN daily.questions IS 'Times the knowledge was asked. From PassagesWanted.';
COMMENT ON COLUMN daily.unanswered_questions IS 'Of those, for which it held nothing. From PassagesFound without passages.';
COMMENT ON COLUMN daily.tool_runs IS 'Tools begun. From ToolCalled.';
COMMENT ON COLUMN daily.tool_failures IS 'Tools that failed, or of which nobody knows. From ToolReturned that is not ok.';
COMMENT ON COLUMN daily.transfers IS '1: the caller was handed to a person. From TransferRequested.';
COMMENT ON COLUMN daily.transfers_misheard IS '1: because the agent did not understand. From TransferRequested.';
COMMENT ON COLUMN daily.line_losses IS 'Times the line broke unplanned. From LineLost.';
COMMENT ON COLUMN daily.tokens_in IS 'Tokens the model read. From ReplyFinished and DraftDiscarded.';
COMMENT ON COLUMN daily.tokens_out IS 'Tokens the model wrote. From ReplyFinished and DraftDiscarded.';
COMMENT ON COLUMN daily.succeeded IS '1: judged a success. From OutcomeRecorded, the last one.';
COMMENT ON COLUMN daily.failed IS '1: judged a failure. From OutcomeRecorded, the last one.';
COMMENT ON COLUMN daily.end_caller_hung_up IS '1: it ended because the caller hung up. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_agent_hung_up IS '1: it ended because the agent hung up. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_transferred IS '1: it ended because it was handed to a person. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_inactivity IS '1: it ended because nobody spoke. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_duration IS '1: it ended because it was as long as the agent allows. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_media_lost IS '1: it ended because no more audio came. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_line_lost IS '1: it ended because the line broke and did not come back. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_refused IS '1: it ended because it was refused. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_unanswered IS '1: it ended because it was never answered. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_bus_lost IS '1: it ended because the gateway lost NATS. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_shutdown IS '1: it ended because the gateway was stopped. From LineEnded, else CallEnded.';
COMMENT ON COLUMN daily.end_other IS '1: it ended for another reason. From LineEnded, else CallEnded.';
