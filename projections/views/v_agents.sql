CREATE OR REPLACE VIEW public.v_agents AS
SELECT a.tenant, a.published_at, a.agent, a.revision, a.title,
       a.revision = max(a.revision) OVER (PARTITION BY a.tenant, a.agent) AS is_newest, k.calls, k.first_call_at, k.last_call_at,
       a.languages, a.stt_provider, a.stt_model, a.llm_provider, a.llm_model, a.tts_provider, a.tts_model, a.voice,
       a.tools, a.intents, a.knowledge, a.transfers, a.barge_in, a.sha256
FROM agents AS a
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, min(c.rang_at) AS first_call_at, max(c.rang_at) AS last_call_at
    FROM calls AS c WHERE c.tenant = a.tenant AND c.agent = a.agent AND c.revision = a.revision
) AS k;

COMMENT ON VIEW public.v_agents IS 'One row for each revision of an agent, and how many calls it held.';
COMMENT ON COLUMN public.v_agents.tenant IS 'Whose agent.';
COMMENT ON COLUMN public.v_agents.published_at IS 'When it was published.';
COMMENT ON COLUMN public.v_agents.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_agents.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_agents.title IS 'Its name for people.';
COMMENT ON COLUMN public.v_agents.is_newest IS 'Whether no later revision is known.';
COMMENT ON COLUMN public.v_agents.calls IS 'Calls it held.';
COMMENT ON COLUMN public.v_agents.first_call_at IS 'When the first of them rang. NULL: none.';
COMMENT ON COLUMN public.v_agents.last_call_at IS 'When the last of them rang. NULL: none.';
COMMENT ON COLUMN public.v_agents.languages IS 'BCP 47; the first one is spoken.';
COMMENT ON COLUMN public.v_agents.stt_provider IS 'The recogniser.';
COMMENT ON COLUMN public.v_agents.stt_model IS 'Its model; empty: its default.';
COMMENT ON COLUMN public.v_agents.llm_provider IS 'The language model''s provider.';
COMMENT ON COLUMN public.v_agents.llm_model IS 'The model; empty: the provider''s default.';
COMMENT ON COLUMN public.v_agents.tts_provider IS 'The synthesiser.';
COMMENT ON COLUMN public.v_agents.tts_model IS 'Its model; empty: its default.';
COMMENT ON COLUMN public.v_agents.voice IS 'The synthesiser''s own name of the voice.';
COMMENT ON COLUMN public.v_agents.tools IS 'Names of its tools.';
COMMENT ON COLUMN public.v_agents.intents IS 'Its own intents, beside those every agent knows.';
COMMENT ON COLUMN public.v_agents.knowledge IS 'Whether it answers from documents.';
COMMENT ON COLUMN public.v_agents.transfers IS 'Whether callers can be handed to a person.';
COMMENT ON COLUMN public.v_agents.barge_in IS 'Whether the caller''s voice stops the agent''s.';
COMMENT ON COLUMN public.v_agents.sha256 IS 'Of its content, hexadecimal: equal in revisions of the same content.';
