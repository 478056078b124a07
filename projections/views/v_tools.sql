CREATE OR REPLACE VIEW public.v_tools AS
SELECT r.tenant, r.called_at, (r.called_at AT TIME ZONE 'UTC')::date AS day, r.call, r.turn, c.agent, c.revision,
       r.tool, r.arguments, r.runs, r.ok, r.result, r.returned_at, r.took_ms, r.invocation
FROM tool_runs AS r
LEFT JOIN calls AS c ON c.tenant = r.tenant AND c.call = r.call;

COMMENT ON VIEW public.v_tools IS 'One row for each use of a tool.';
COMMENT ON COLUMN public.v_tools.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_tools.called_at IS 'When it was first called.';
COMMENT ON COLUMN public.v_tools.day IS 'Day (UTC) of called_at.';
COMMENT ON COLUMN public.v_tools.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_tools.turn IS 'The turn it belongs to, starts at 1.';
COMMENT ON COLUMN public.v_tools.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_tools.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_tools.tool IS 'The tool''s name.';
COMMENT ON COLUMN public.v_tools.arguments IS 'Personal data. What it was called with.';
COMMENT ON COLUMN public.v_tools.runs IS 'Times it was called; more than 1 only for a tool that may be repeated.';
COMMENT ON COLUMN public.v_tools.ok IS 'Whether it succeeded. NULL: it has not returned.';
COMMENT ON COLUMN public.v_tools.result IS 'Personal data. What it answered.';
COMMENT ON COLUMN public.v_tools.returned_at IS 'When it had answered.';
COMMENT ON COLUMN public.v_tools.took_ms IS 'Milliseconds it took.';
COMMENT ON COLUMN public.v_tools.invocation IS 'The stable id of this use.';
