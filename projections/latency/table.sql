CREATE TABLE IF NOT EXISTS latency (
    tenant        text COLLATE "C" NOT NULL,
    call          text COLLATE "C" NOT NULL,
    turn          int         NOT NULL,
    stage         text COLLATE "C" NOT NULL,
    place         int         NOT NULL,
    is_part       boolean     NOT NULL,
    reply         int,
    provider      text,
    cached        boolean,
    started_at    timestamptz NOT NULL,
    started_clock text        NOT NULL,
    ended_at      timestamptz NOT NULL,
    ended_clock   text        NOT NULL,
    ms            double precision GENERATED ALWAYS AS
                  (extract(epoch FROM ended_at - started_at) * 1000) VIRTUAL,
    PRIMARY KEY (call, turn, stage, tenant)
);
CREATE INDEX IF NOT EXISTS latency_by_time ON latency (tenant, started_at);
COMMENT ON TABLE latency IS 'One row for each turn and stage of the caller''s wait, where both ends of the stage are known. The times are those of the table turns, and so are the milliseconds. Turn 0 is the greeting: nobody waits for it from the end of speech, so it has only the stages tts and gateway.';
COMMENT ON COLUMN latency.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN latency.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN latency.turn IS 'Starts at 1; 0: the greeting. From TurnTaken, TurnMisheard, ReplyBegun.';
COMMENT ON COLUMN latency.stage IS 'stt: end of speech to final transcript (or misheard), the silence that ends a turn included; dialog: final transcript to TurnTaken or TurnMisheard; passages: PassagesWanted to PassagesFound or PassagesFailed; model: from there (PassagesTaken where they came too late, TurnTaken where none were wanted) to the first sentence in the log; model_wrote: within model, to the moment the model had completed that sentence; tts: first sentence taken up to its first audio; gateway: the rest until the first audio went out; wait: end of speech to first audio out.';
COMMENT ON COLUMN latency.place IS 'Order of the stages in a turn, starts at 1.';
COMMENT ON COLUMN latency.is_part IS 'true: stt, dialog, passages, model, tts, gateway, which follow one another; where all were taken and no passages came too late they add up to wait. false: wait itself, and model_wrote.';
COMMENT ON COLUMN latency.reply IS 'Number of the turn''s first reply, starts at 1 in a call; NULL: none (yet). From ReplyBegun.';
COMMENT ON COLUMN latency.provider IS 'stt: the recogniser, from TranscriptFinalized, UtteranceMisheard; tts: the synthesiser, from SentenceSynthesized; else NULL.';
COMMENT ON COLUMN latency.cached IS 'tts: whether the audio came from the cache. From SentenceSynthesized; else NULL.';
COMMENT ON COLUMN latency.started_at IS 'Start of the stage. tts is laid out from the first sentence''s arrival in the log; gateway from the end of tts.';
COMMENT ON COLUMN latency.started_clock IS 'Whose clock started_at is: gateway, dialog, or log (the NATS server, when it stored the message).';
COMMENT ON COLUMN latency.ended_at IS 'End of the stage.';
COMMENT ON COLUMN latency.ended_clock IS 'Whose clock ended_at is: gateway, dialog or log.';
COMMENT ON COLUMN latency.ms IS 'Milliseconds from started_at to ended_at: below 0 where two clocks differ by more. A first token is not recorded: model_wrote is the nearest there is.';
