CREATE TABLE IF NOT EXISTS costs (
    tenant    text COLLATE "C" NOT NULL,
    call      text COLLATE "C" NOT NULL,
    kind      text COLLATE "C" NOT NULL,
    provider  text COLLATE "C" NOT NULL,
    model     text COLLATE "C" NOT NULL,
    unit      text COLLATE "C" NOT NULL,
    at        timestamptz      NOT NULL,
    agent     text,
    revision  int,
    quantity  double precision NOT NULL DEFAULT 0,
    estimated boolean          NOT NULL DEFAULT false,
    PRIMARY KEY (call, kind, provider, model, unit, tenant)
);
CREATE INDEX IF NOT EXISTS costs_by_time ON costs (tenant, at);
COMMENT ON TABLE costs IS 'What a call used up, one row for each unit. Without prices: SELECT c.*, p.currency, c.quantity * p.price / p.per AS cost FROM costs AS c LEFT JOIN agents AS a USING (tenant, agent, revision) LEFT JOIN LATERAL price_of(c.kind, CASE WHEN c.provider <> '''' THEN c.provider WHEN c.kind = ''llm'' THEN a.llm_provider WHEN c.kind = ''stt'' THEN a.stt_provider END, CASE WHEN c.model <> '''' THEN c.model WHEN c.kind = ''llm'' AND c.provider IN ('''', a.llm_provider) THEN a.llm_model WHEN c.kind = ''stt'' AND c.provider IN ('''', a.stt_provider) THEN a.stt_model END, c.unit, c.at) AS p ON true. A unit without a price costs nothing, so the same use may stand here in several units.';
COMMENT ON COLUMN costs.tenant IS 'Whose call, from the subject.';
COMMENT ON COLUMN costs.call IS 'The call''s id, from the subject.';
COMMENT ON COLUMN costs.kind IS 'stt, llm, tts, carrier.';
COMMENT ON COLUMN costs.provider IS 'Who is to be paid: from TranscriptFinalized, UtteranceMisheard, SentenceWritten, LineRang. Empty: not in the log: for llm the agent''s first, agents.llm_provider of the call''s revision; ReplyFinished names another.';
COMMENT ON COLUMN costs.model IS 'The provider''s model: for tts from SentenceWritten, for llm from ReplyFinished. Empty: its default, or not in the log: agents.llm_model, agents.stt_model of the call''s revision.';
COMMENT ON COLUMN costs.unit IS 'stt: speech_seconds (of speech, which other recognisers are fed, without the moments before and after it), line_seconds (of the line, which continuous recognisers are fed); llm: tokens_in, tokens_out, and of those the ones that were spent on answers begun before a turn was over and not used: discarded_tokens_in, discarded_tokens_out; tts: characters, seconds, and of those that cost nothing because the sentence was cached: cached_characters, cached_seconds; dropped_seconds (sent of sentences that were given up); carrier: seconds, minutes_begun.';
COMMENT ON COLUMN costs.at IS 'When the call rang: prices are those of its day. From LineRang, clock of the gateway.';
COMMENT ON COLUMN costs.agent IS 'The agent''s name. From LineRang.';
COMMENT ON COLUMN costs.revision IS 'The agent''s revision. From LineRang.';
COMMENT ON COLUMN costs.quantity IS 'How much. From SpeechStarted and SpeechEnded (20 ms a frame); LineAnswered, LineLost, LineResumed, LineEnded; ReplyFinished; SentenceSynthesized, SynthesisDropped; CarrierReported.duration_s.';
COMMENT ON COLUMN costs.estimated IS 'true: the carrier has not reported what it bills, so the quantity is the line''s own time; llm: a part belongs to answers that were discarded, whose model did not tell.';
