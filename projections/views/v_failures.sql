CREATE OR REPLACE VIEW public.v_failures AS
SELECT f.tenant, f.at, (f.at AT TIME ZONE 'UTC')::date AS day, f.call, c.agent, c.revision, f.stage, f.kind,
       coalesce(f.provider, CASE WHEN f.stage = 'llm' THEN a.llm_provider END) AS provider,
       f.tool, f.turn, f.reply, f.in_a_row, f.followed, f.sequence, f.index
FROM failures AS f
LEFT JOIN calls AS c ON c.tenant = f.tenant AND c.call = f.call
LEFT JOIN agents AS a ON a.tenant = c.tenant AND a.agent = c.agent AND a.revision = c.revision;

COMMENT ON VIEW public.v_failures IS 'One row for each thing that went wrong in a call.';
COMMENT ON COLUMN public.v_failures.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_failures.at IS 'When.';
COMMENT ON COLUMN public.v_failures.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_failures.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_failures.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_failures.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_failures.stage IS 'stt: not understood; rag: the knowledge failed or was late; llm: the model; tts: the voice; tool; line.';
COMMENT ON COLUMN public.v_failures.kind IS 'The error''s class or code; stt: nothing, unsure, provider_failed, misheard; rag: or late; llm: or nothing_written, slow; tts: or dropped; tool: failed, unsure, refused; line: the reason.';
COMMENT ON COLUMN public.v_failures.provider IS 'Recogniser, model or synthesiser at fault. NULL: none, or not known.';
COMMENT ON COLUMN public.v_failures.tool IS 'Name of the tool.';
COMMENT ON COLUMN public.v_failures.turn IS 'The turn it spoiled, starts at 1; 0: the greeting. NULL: none.';
COMMENT ON COLUMN public.v_failures.reply IS 'The reply it spoiled, or that was said because of it.';
COMMENT ON COLUMN public.v_failures.in_a_row IS 'Turns misheard in a row, this one counted.';
COMMENT ON COLUMN public.v_failures.followed IS 'What came of it first: switched (another provider went on), asked_again, fallback, transfer, answer, result, left_out, interrupted, overtaken, returned, ended. NULL: nothing yet.';
COMMENT ON COLUMN public.v_failures.sequence IS 'Stream sequence of the message that tells of it.';
COMMENT ON COLUMN public.v_failures.index IS 'Place in that message, starts at 0.';
