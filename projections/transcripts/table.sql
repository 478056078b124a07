-- Generated columns may not read one another, so the language's configuration stands here twice.
CREATE TABLE IF NOT EXISTS transcripts (
    tenant        text COLLATE "C" NOT NULL,
    call          text COLLATE "C" NOT NULL,
    sequence      bigint      NOT NULL,
    index         int         NOT NULL,
    speaker       text        NOT NULL,
    at            timestamptz NOT NULL,
    turn          int,
    utterance     int,
    reply         int,
    sentence      int,
    kind          text,
    text          text        NOT NULL,
    language      text        NOT NULL,
    confidence    double precision,
    provider      text,
    heard         text,
    interrupted   boolean     NOT NULL DEFAULT false,
    repeated      boolean     NOT NULL DEFAULT false,
    configuration text        NOT NULL GENERATED ALWAYS AS (
    CASE lower(split_part(language, '-', 1))
        WHEN 'ar' THEN 'arabic'
        WHEN 'hy' THEN 'armenian'
        WHEN 'eu' THEN 'basque'
        WHEN 'ca' THEN 'catalan'
        WHEN 'da' THEN 'danish'
        WHEN 'nl' THEN 'dutch'
        WHEN 'en' THEN 'english'
        WHEN 'fi' THEN 'finnish'
        WHEN 'fr' THEN 'french'
        WHEN 'de' THEN 'german'
        WHEN 'el' THEN 'greek'
        WHEN 'hi' THEN 'hindi'
        WHEN 'hu' THEN 'hungarian'
        WHEN 'id' THEN 'indonesian'
        WHEN 'ga' THEN 'irish'
        WHEN 'it' THEN 'italian'
        WHEN 'lt' THEN 'lithuanian'
        WHEN 'ne' THEN 'nepali'
        WHEN 'nb' THEN 'norwegian'
        WHEN 'nn' THEN 'norwegian'
        WHEN 'no' THEN 'norwegian'
        WHEN 'pt' THEN 'portuguese'
        WHEN 'ro' THEN 'romanian'
        WHEN 'ru' THEN 'russian'
        WHEN 'sr' THEN 'serbian'
        WHEN 'es' THEN 'spanish'
        WHEN 'sv' THEN 'swedish'
        WHEN 'ta' THEN 'tamil'
        WHEN 'tr' THEN 'turkish'
        WHEN 'yi' THEN 'yiddish'
        ELSE 'simple'
    END
    ) STORED,
    words         tsvector    NOT NULL GENERATED ALWAYS AS (
    to_tsvector(
        CASE lower(split_part(language, '-', 1))
            WHEN 'ar' THEN 'arabic'::regconfig
            WHEN 'hy' THEN 'armenian'::regconfig
            WHEN 'eu' THEN 'basque'::regconfig
            WHEN 'ca' THEN 'catalan'::regconfig
            WHEN 'da' THEN 'danish'::regconfig
            WHEN 'nl' THEN 'dutch'::regconfig
            WHEN 'en' THEN 'english'::regconfig
            WHEN 'fi' THEN 'finnish'::regconfig
            WHEN 'fr' THEN 'french'::regconfig
            WHEN 'de' THEN 'german'::regconfig
            WHEN 'el' THEN 'greek'::regconfig
            WHEN 'hi' THEN 'hindi'::regconfig
            WHEN 'hu' THEN 'hungarian'::regconfig
            WHEN 'id' THEN 'indonesian'::regconfig
            WHEN 'ga' THEN 'irish'::regconfig
            WHEN 'it' THEN 'italian'::regconfig
            WHEN 'lt' THEN 'lithuanian'::regconfig
            WHEN 'ne' THEN 'nepali'::regconfig
            WHEN 'nb' THEN 'norwegian'::regconfig
            WHEN 'nn' THEN 'norwegian'::regconfig
            WHEN 'no' THEN 'norwegian'::regconfig
            WHEN 'pt' THEN 'portuguese'::regconfig
            WHEN 'ro' THEN 'romanian'::regconfig
            WHEN 'ru' THEN 'russian'::regconfig
            WHEN 'sr' THEN 'serbian'::regconfig
            WHEN 'es' THEN 'spanish'::regconfig
            WHEN 'sv' THEN 'swedish'::regconfig
            WHEN 'ta' THEN 'tamil'::regconfig
            WHEN 'tr' THEN 'turkish'::regconfig
            WHEN 'yi' THEN 'yiddish'::regconfig
            ELSE 'simple'::regconfig
        END,
        left(text, 100000)
    )
    ) STORED,
    PRIMARY KEY (call, sequence, index, tenant)
);
CREATE INDEX IF NOT EXISTS transcripts_by_words ON transcripts USING gin (words);
CREATE INDEX IF NOT EXISTS transcripts_by_time ON transcripts (tenant, at);
COMMENT ON TABLE transcripts IS 'What was said: one row for each utterance of the caller that became words (or key that stood for words) and one for each sentence of the agent, in the order of the log. What was not understood has no words: see turns.';
COMMENT ON COLUMN transcripts.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN transcripts.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN transcripts.sequence IS 'Stream sequence of the message that tells it: the order of all that was said.';
COMMENT ON COLUMN transcripts.index IS 'Place in the message, starts at 0.';
COMMENT ON COLUMN transcripts.speaker IS 'caller or agent.';
COMMENT ON COLUMN transcripts.at IS 'Caller: the end of speech, clock of the gateway, from TranscriptFinalized; of a key, TurnTaken, clock of the gateway. Agent: when the sentence was written, clock of the dialog, from SentenceWritten.';
COMMENT ON COLUMN transcripts.turn IS 'The turn it belongs to, starts at 1; 0: the greeting; NULL: it led to no turn (yet). From TurnTaken, ReplyBegun.';
COMMENT ON COLUMN transcripts.utterance IS 'Caller: number of the utterance in the call, starts at 1; 0: a key was pressed. From TranscriptFinalized, TurnTaken. Agent: NULL.';
COMMENT ON COLUMN transcripts.reply IS 'Agent: number of the reply in the call, starts at 1. From SentenceWritten. Caller: NULL.';
COMMENT ON COLUMN transcripts.sentence IS 'Agent: number of the sentence in its reply, starts at 1. From SentenceWritten. Caller: NULL.';
COMMENT ON COLUMN transcripts.kind IS 'Agent: greeting, answer, fallback, proposal, result, transfer, goodbye, bridge, from ReplyBegun. Caller: hello, goodbye, confirm, question, action, unknown, from TurnTaken.';
COMMENT ON COLUMN transcripts.text IS 'Personal data. The words. From TranscriptFinalized, TurnTaken (keys), SentenceWritten.';
COMMENT ON COLUMN transcripts.language IS 'BCP 47: of the recogniser where it tells (TranscriptFinalized), else of the call (CallOpened); empty: not known.';
COMMENT ON COLUMN transcripts.confidence IS 'Caller: of the transcript, 0 to 1. From TranscriptFinalized, TurnTaken. Agent: NULL.';
COMMENT ON COLUMN transcripts.provider IS 'Caller: the recogniser that heard it, from TranscriptFinalized; keys: a key was pressed. Agent: the provider of the voice it was written for, from SentenceWritten.';
COMMENT ON COLUMN transcripts.heard IS 'Agent: whole, part or none of the sentence reached the caller; NULL: not known (yet). From SentencePlayed, ReplyHeard, ReplyInterrupted and, after a broken line, CallerLost. Caller: NULL.';
COMMENT ON COLUMN transcripts.interrupted IS 'Agent: its reply was given up before this sentence was heard whole. From ReplyInterrupted, but not where the rest is said again.';
COMMENT ON COLUMN transcripts.repeated IS 'Agent: it bridges a gap, or was written before in the reply that is resumed. From SentenceWritten.again.';
COMMENT ON COLUMN transcripts.configuration IS 'Name of the text search configuration for the language; simple (words as they are) where PostgreSQL has none.';
COMMENT ON COLUMN transcripts.words IS 'Personal data. The first 100,000 characters of text, for full-text search by that configuration.';
