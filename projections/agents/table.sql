CREATE TABLE IF NOT EXISTS agents (
    tenant       text        NOT NULL,
    agent        text        NOT NULL,
    revision     int         NOT NULL,
    published_at timestamptz NOT NULL,
    title        text        NOT NULL,
    languages    text[]      NOT NULL,
    stt_provider text        NOT NULL,
    stt_model    text        NOT NULL,
    llm_provider text        NOT NULL,
    llm_model    text        NOT NULL,
    tts_provider text        NOT NULL,
    tts_model    text        NOT NULL,
    voice        text        NOT NULL,
    tools        text[]      NOT NULL,
    intents      int         NOT NULL,
    knowledge    boolean     NOT NULL,
    transfers    boolean     NOT NULL,
    barge_in     boolean     NOT NULL,
    sha256       text        NOT NULL,
    sequence     bigint      NOT NULL,
    PRIMARY KEY (tenant, agent, revision)
);
COMMENT ON TABLE agents IS 'One row for each revision of an agent, from AgentPublished. Without prompts and phrases.';
COMMENT ON COLUMN agents.tenant IS 'Whose agent, from the subject.';
COMMENT ON COLUMN agents.agent IS 'The agent''s name, from the subject.';
COMMENT ON COLUMN agents.revision IS 'Starts at 1.';
COMMENT ON COLUMN agents.published_at IS 'When it was published, clock of its publisher.';
COMMENT ON COLUMN agents.title IS 'Its name for people.';
COMMENT ON COLUMN agents.languages IS 'BCP 47, the first one is spoken.';
COMMENT ON COLUMN agents.stt_provider IS 'The recogniser.';
COMMENT ON COLUMN agents.stt_model IS 'The recogniser''s model; empty: its default.';
COMMENT ON COLUMN agents.llm_provider IS 'The language model''s provider.';
COMMENT ON COLUMN agents.llm_model IS 'The language model; empty: the provider''s default.';
COMMENT ON COLUMN agents.tts_provider IS 'The synthesiser.';
COMMENT ON COLUMN agents.tts_model IS 'The synthesiser''s model; empty: its default.';
COMMENT ON COLUMN agents.voice IS 'The synthesiser''s own name of the voice.';
COMMENT ON COLUMN agents.tools IS 'Names of its tools, in the order of its file.';
COMMENT ON COLUMN agents.intents IS 'Count of its own intents, beside those every agent knows.';
COMMENT ON COLUMN agents.knowledge IS 'Whether it answers from documents.';
COMMENT ON COLUMN agents.transfers IS 'Whether callers can be handed to a person.';
COMMENT ON COLUMN agents.barge_in IS 'Whether the caller''s voice stops the agent''s.';
COMMENT ON COLUMN agents.sha256 IS 'SHA-256 of the whole agent as JSON with sorted keys, hexadecimal: the same in two revisions of the same content.';
COMMENT ON COLUMN agents.sequence IS 'Sequence of its event in the stream AGENTS.';

CREATE TABLE IF NOT EXISTS agents_position (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    version  int     NOT NULL,
    position bigint  NOT NULL
);
COMMENT ON TABLE agents_position IS 'How far the stream AGENTS has been read, in one row. It changes in one transaction with the rows of agents.';
COMMENT ON COLUMN agents_position.one IS 'Always true: there is one row.';
COMMENT ON COLUMN agents_position.version IS 'Meaning of the rows of agents, rises with each change.';
COMMENT ON COLUMN agents_position.position IS 'Sequence of the last message taken in; 0: none yet.';
