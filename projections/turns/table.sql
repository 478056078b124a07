CREATE TABLE IF NOT EXISTS turns (
    tenant              text COLLATE "C" NOT NULL,
    call                text COLLATE "C" NOT NULL,
    turn                int         NOT NULL,
    utterance           int,
    said                text,
    intent              text,
    kind                text,
    slots               jsonb,
    confidence          double precision,
    failures            int,
    reply               int,
    reply_kind          text,
    replies             int         NOT NULL DEFAULT 0,
    written             text,
    heard               text,
    interrupted         boolean     NOT NULL DEFAULT false,
    sources             text[]      NOT NULL DEFAULT '{}',
    top_score           double precision,
    tools               text[]      NOT NULL DEFAULT '{}',
    speech_ended_at     timestamptz,
    transcribed_at      timestamptz,
    taken_at            timestamptz,
    passages_wanted_at  timestamptz,
    passages_found_at   timestamptz,
    passages_taken_at   timestamptz,
    first_sentence_at   timestamptz,
    playback_started_at timestamptz,
    stt_ms              double precision GENERATED ALWAYS AS
                        (extract(epoch FROM transcribed_at - speech_ended_at) * 1000) VIRTUAL,
    dialog_ms           double precision GENERATED ALWAYS AS
                        (extract(epoch FROM taken_at - transcribed_at) * 1000) VIRTUAL,
    passages_ms         double precision GENERATED ALWAYS AS
                        (extract(epoch FROM passages_found_at - passages_wanted_at) * 1000) VIRTUAL,
    model_ms            double precision GENERATED ALWAYS AS
                        (extract(epoch FROM first_sentence_at
                         - coalesce(least(passages_found_at, passages_taken_at), taken_at)) * 1000) VIRTUAL,
    tts_ms              double precision,
    gateway_ms          double precision GENERATED ALWAYS AS
                        (extract(epoch FROM playback_started_at - first_sentence_at) * 1000 - tts_ms) VIRTUAL,
    wait_ms             double precision GENERATED ALWAYS AS
                        (extract(epoch FROM playback_started_at - speech_ended_at) * 1000) VIRTUAL,
    PRIMARY KEY (tenant, call, turn)
);
COMMENT ON TABLE turns IS 'One row for each turn: what the caller said and the agent''s answer to it. Turn 0 is the greeting. NULL: not known yet, or never. Waits come one after another in the order of their columns.';
COMMENT ON COLUMN turns.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN turns.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN turns.turn IS 'Starts at 1; 0: the greeting. From TurnTaken, TurnMisheard, ReplyBegun.';
COMMENT ON COLUMN turns.utterance IS 'The turn''s last utterance, starts at 1. From TurnTaken, TurnMisheard.';
COMMENT ON COLUMN turns.said IS 'Personal data. What the caller said, as recognised. From TurnTaken.';
COMMENT ON COLUMN turns.intent IS 'A name of the agent''s intents, or unknown. From TurnTaken.';
COMMENT ON COLUMN turns.kind IS 'hello, goodbye, confirm, question, action, unknown, from TurnTaken; misheard, from TurnMisheard.';
COMMENT ON COLUMN turns.slots IS 'Personal data. What the intent''s slots were filled with. From TurnTaken.';
COMMENT ON COLUMN turns.confidence IS 'Of the transcript, 0 to 1. From TurnTaken.';
COMMENT ON COLUMN turns.failures IS 'Count of turns misheard in a row, this one included. From TurnMisheard.';
COMMENT ON COLUMN turns.reply IS 'Number of the turn''s first reply, starts at 1 in a call. From ReplyBegun.';
COMMENT ON COLUMN turns.reply_kind IS 'greeting, answer, fallback, proposal, result, transfer, goodbye: of the first reply. From ReplyBegun.';
COMMENT ON COLUMN turns.replies IS 'Count of replies to the turn. From ReplyBegun.';
COMMENT ON COLUMN turns.written IS 'Personal data. The sentences of all replies to the turn, joined by a space. From SentenceWritten.';
COMMENT ON COLUMN turns.heard IS 'Personal data. What of it the caller heard: whole replies from ReplyHeard, parts from ReplyInterrupted; empty: nothing of it.';
COMMENT ON COLUMN turns.interrupted IS 'Whether a reply to the turn was given up before its end. From ReplyInterrupted.';
COMMENT ON COLUMN turns.sources IS 'Passages the answer was written from, as document#chunk, best first. From PassagesTaken.';
COMMENT ON COLUMN turns.top_score IS 'Score of the best passage found, the store''s own measure. From PassagesFound.';
COMMENT ON COLUMN turns.tools IS 'Names of the tools run, in order. From ToolCalled.';
COMMENT ON COLUMN turns.speech_ended_at IS 'The caller''s last loud frame, clock of the gateway. From TurnTaken, TurnMisheard.';
COMMENT ON COLUMN turns.transcribed_at IS 'When the log stored the utterance''s TranscriptFinalized or UtteranceMisheard.';
COMMENT ON COLUMN turns.taken_at IS 'When the log stored TurnTaken or TurnMisheard.';
COMMENT ON COLUMN turns.passages_wanted_at IS 'When the log stored PassagesWanted.';
COMMENT ON COLUMN turns.passages_found_at IS 'When the log stored PassagesFound or PassagesFailed.';
COMMENT ON COLUMN turns.passages_taken_at IS 'When the log stored PassagesTaken: before passages_found_at where they came too late.';
COMMENT ON COLUMN turns.first_sentence_at IS 'When the log stored the first SentenceWritten of the first reply.';
COMMENT ON COLUMN turns.playback_started_at IS 'PlaybackStarted of the first reply, clock of the gateway.';
COMMENT ON COLUMN turns.stt_ms IS 'Milliseconds from speech_ended_at to transcribed_at; the silence that ends a turn is in it.';
COMMENT ON COLUMN turns.dialog_ms IS 'Milliseconds from transcribed_at to taken_at.';
COMMENT ON COLUMN turns.passages_ms IS 'Milliseconds from passages_wanted_at to passages_found_at. NULL: none were wanted, or none came.';
COMMENT ON COLUMN turns.model_ms IS 'Milliseconds to first_sentence_at from passages_found_at (passages_taken_at where they came too late; taken_at where none were wanted).';
COMMENT ON COLUMN turns.tts_ms IS 'Milliseconds from taking up the first sentence to its first audio. From SentenceSynthesized.first_audio_ms.';
COMMENT ON COLUMN turns.gateway_ms IS 'Milliseconds from first_sentence_at to playback_started_at, less tts_ms.';
COMMENT ON COLUMN turns.wait_ms IS 'Milliseconds from speech_ended_at to playback_started_at: what the caller waited.';
