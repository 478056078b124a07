CREATE OR REPLACE VIEW public.v_line_quality AS
SELECT l.tenant, l.began_at, (l.began_at AT TIME ZONE 'UTC')::date AS day, l.call, l.stint, c.agent, c.carrier, l.gateway,
       l.ended_at, (CASE WHEN l.duration_ms >= 0 THEN l.duration_ms END / 1000.0)::double precision AS duration_s, l.lost, l.planned, l.unbroken,
       l.lost AND NOT l.planned AND NOT l.unbroken AS noticed, l.reason, l.back_at, CASE WHEN l.away_ms >= 0 THEN l.away_ms END AS away_ms,
       l.frames, l.late_frames, l.late_frames::double precision / nullif(l.frames, 0) AS late_share, l.dropped_messages
FROM line_quality AS l
LEFT JOIN calls AS c ON c.tenant = l.tenant AND c.call = l.call;

COMMENT ON VIEW public.v_line_quality IS 'One row for each stint: the time for which one gateway had the line of an answered call. A call that never breaks has one.';
COMMENT ON COLUMN public.v_line_quality.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_line_quality.began_at IS 'When audio began to flow.';
COMMENT ON COLUMN public.v_line_quality.day IS 'Day (UTC) of began_at.';
COMMENT ON COLUMN public.v_line_quality.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_line_quality.stint IS 'Number of the stint in the call, starts at 1.';
COMMENT ON COLUMN public.v_line_quality.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_line_quality.carrier IS 'The telephone company.';
COMMENT ON COLUMN public.v_line_quality.gateway IS 'Id of the process that had the line; empty: not known.';
COMMENT ON COLUMN public.v_line_quality.ended_at IS 'NULL: it goes on.';
COMMENT ON COLUMN public.v_line_quality.duration_s IS 'Seconds from began_at to ended_at.';
COMMENT ON COLUMN public.v_line_quality.lost IS 'It ended as the media broke without a goodbye, or went to another gateway on purpose.';
COMMENT ON COLUMN public.v_line_quality.planned IS 'It was given to another gateway on purpose.';
COMMENT ON COLUMN public.v_line_quality.unbroken IS 'It was lost only by the log; the caller noticed nothing.';
COMMENT ON COLUMN public.v_line_quality.noticed IS 'Whether the caller noticed: lost, and neither planned nor unbroken.';
COMMENT ON COLUMN public.v_line_quality.reason IS 'What broke, or why the call ended. NULL: it goes on.';
COMMENT ON COLUMN public.v_line_quality.back_at IS 'When the line was back. NULL: never, or never away.';
COMMENT ON COLUMN public.v_line_quality.away_ms IS 'Milliseconds the caller was away.';
COMMENT ON COLUMN public.v_line_quality.frames IS 'Caller frames of 20 ms received. NULL: not told.';
COMMENT ON COLUMN public.v_line_quality.late_frames IS 'Of those, more than 20 ms late.';
COMMENT ON COLUMN public.v_line_quality.late_share IS 'late_frames / frames, 0 to 1.';
COMMENT ON COLUMN public.v_line_quality.dropped_messages IS 'The carrier''s messages refused as malformed.';
