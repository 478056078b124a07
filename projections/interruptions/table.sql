CREATE TABLE IF NOT EXISTS interruptions (
    tenant     text COLLATE "C" NOT NULL,
    call       text COLLATE "C" NOT NULL,
    reply      int         NOT NULL,
    turn       int,
    kind       text,
    cause      text        NOT NULL DEFAULT '',
    by_caller  boolean     GENERATED ALWAYS AS
               (cause IN ('barge_in', 'key', 'overtaken')) VIRTUAL,
    at         timestamptz,
    sentence   int         NOT NULL DEFAULT 0,
    sentences  int         NOT NULL DEFAULT 0,
    played_ms  int         NOT NULL DEFAULT 0,
    heard      text        NOT NULL DEFAULT '',
    resumed    boolean     NOT NULL DEFAULT false,
    utterance  int,
    spoke_at   timestamptz,
    cut_at     timestamptz,
    stop_ms    double precision GENERATED ALWAYS AS
               (extract(epoch FROM cut_at - spoke_at) * 1000) VIRTUAL,
    next_turn  int,
    next_kind  text,
    next_said  text,
    PRIMARY KEY (tenant, call, reply)
);
CREATE INDEX IF NOT EXISTS interruptions_by_time ON interruptions (tenant, at);
COMMENT ON TABLE interruptions IS 'One row for each reply that was given up before the caller had heard it to its end.';
COMMENT ON COLUMN interruptions.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN interruptions.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN interruptions.reply IS 'Number of the reply in the call, starts at 1. From ReplyInterrupted.';
COMMENT ON COLUMN interruptions.turn IS 'The turn it answered, starts at 1; 0: the greeting. From ReplyBegun.';
COMMENT ON COLUMN interruptions.kind IS 'greeting, answer, fallback, proposal, result, transfer, goodbye, bridge. From ReplyBegun.';
COMMENT ON COLUMN interruptions.cause IS 'barge_in: the caller spoke over it; key: the caller pressed a key; overtaken: the caller''s next words came before it was over, without a barge-in; line_lost: the line broke; left_out: a part of it could not be spoken; hung_up: the line ended; unknown. From what stands beside PlaybackCleared or ReplyInterrupted in its message.';
COMMENT ON COLUMN interruptions.by_caller IS 'Whether the caller caused it on the line: barge_in, key or overtaken.';
COMMENT ON COLUMN interruptions.at IS 'ReplyInterrupted, clock of the fact that led to it: mostly the gateway.';
COMMENT ON COLUMN interruptions.sentence IS 'The sentence that was cut, starts at 1; 0: not known, or nothing had been played. From ReplyInterrupted.';
COMMENT ON COLUMN interruptions.sentences IS 'Count of the reply''s sentences written by then. From SentenceWritten.';
COMMENT ON COLUMN interruptions.played_ms IS 'Milliseconds of the cut sentence that were played. From ReplyInterrupted.';
COMMENT ON COLUMN interruptions.heard IS 'Personal data. The words of the reply that the caller heard. From ReplyInterrupted.';
COMMENT ON COLUMN interruptions.resumed IS 'What was not heard was said again in the next reply. From ReplyInterrupted.';
COMMENT ON COLUMN interruptions.utterance IS 'The utterance that began over the reply, starts at 1; NULL: none did. From SpeechStarted.';
COMMENT ON COLUMN interruptions.spoke_at IS 'The first loud frame of that utterance, clock of the gateway: reckoned back from its last loud frame at 20 ms a frame. From SpeechStarted, SpeechEnded.';
COMMENT ON COLUMN interruptions.cut_at IS 'When the rest was thrown away, clock of the gateway; NULL: nothing was being played. From PlaybackCleared.';
COMMENT ON COLUMN interruptions.stop_ms IS 'Milliseconds from spoke_at to cut_at: for how long the agent spoke on over the caller. NULL: nobody began to speak over it.';
COMMENT ON COLUMN interruptions.next_turn IS 'The turn after the interruption; NULL: none came (yet). From TurnTaken, TurnMisheard.';
COMMENT ON COLUMN interruptions.next_kind IS 'hello, goodbye, confirm, question, action, unknown, from TurnTaken; misheard, from TurnMisheard: of that turn.';
COMMENT ON COLUMN interruptions.next_said IS 'Personal data. What the caller said in that turn; NULL: it was not understood, or none came. From TurnTaken.';
