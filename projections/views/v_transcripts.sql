CREATE OR REPLACE VIEW public.v_transcripts AS
SELECT s.tenant, s.at, (s.at AT TIME ZONE 'UTC')::date AS day, s.call, s.sequence, s.index, c.agent, c.revision,
       s.speaker, s.turn, s.reply, s.sentence, s.kind, s.text, s.language, s.confidence, s.provider,
       s.heard, s.interrupted, s.repeated, s.configuration, s.words
FROM transcripts AS s
LEFT JOIN calls AS c ON c.tenant = s.tenant AND c.call = s.call;

COMMENT ON VIEW public.v_transcripts IS 'What was said: one row for each utterance of the caller and each sentence of the agent; a call in its order: ORDER BY sequence, index.';
COMMENT ON COLUMN public.v_transcripts.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_transcripts.at IS 'Caller: the end of speech. Agent: when the sentence was written.';
COMMENT ON COLUMN public.v_transcripts.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_transcripts.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_transcripts.sequence IS 'Stream sequence of the message that tells it: the order of all that was said.';
COMMENT ON COLUMN public.v_transcripts.index IS 'Place in that message, starts at 0.';
COMMENT ON COLUMN public.v_transcripts.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_transcripts.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_transcripts.speaker IS 'caller or agent.';
COMMENT ON COLUMN public.v_transcripts.turn IS 'The turn it belongs to, starts at 1; 0: the greeting. NULL: none.';
COMMENT ON COLUMN public.v_transcripts.reply IS 'Agent: number of the reply in the call, starts at 1.';
COMMENT ON COLUMN public.v_transcripts.sentence IS 'Agent: number of the sentence in its reply, starts at 1.';
COMMENT ON COLUMN public.v_transcripts.kind IS 'Agent: greeting, answer, fallback... Caller: hello, goodbye, confirm, question, action, unknown.';
COMMENT ON COLUMN public.v_transcripts.text IS 'Personal data. The words.';
COMMENT ON COLUMN public.v_transcripts.language IS 'BCP 47; empty: not known.';
COMMENT ON COLUMN public.v_transcripts.confidence IS 'Caller: 0 to 1.';
COMMENT ON COLUMN public.v_transcripts.provider IS 'Caller: the recogniser; keys: a key was pressed. Agent: the voice''s provider.';
COMMENT ON COLUMN public.v_transcripts.heard IS 'Agent: whole, part or none of the sentence reached the caller. NULL: not known.';
COMMENT ON COLUMN public.v_transcripts.interrupted IS 'Agent: its reply was given up before this sentence was heard whole.';
COMMENT ON COLUMN public.v_transcripts.repeated IS 'Agent: said again after a gap.';
COMMENT ON COLUMN public.v_transcripts.configuration IS 'Text search configuration of the language.';
COMMENT ON COLUMN public.v_transcripts.words IS 'Personal data. For search: words @@ websearch_to_tsquery(configuration::regconfig, ''opening hours'').';
