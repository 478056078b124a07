CREATE OR REPLACE VIEW public.v_funnel AS
SELECT c.tenant, (c.rang_at AT TIME ZONE 'UTC')::date AS day, c.agent, s.step, s.phase,
       count(*) FILTER (WHERE c.reached >= s.step) AS calls,
       (count(*) FILTER (WHERE c.reached >= s.step))::double precision / count(*) AS share
FROM (
    SELECT k.tenant, k.rang_at, k.agent,
           CASE WHEN k.answered_at IS NULL THEN 1
                ELSE 2 + coalesce(array_position(ARRAY['start', 'discovery', 'active', 'completion'], k.phase), 0)
           END AS reached
    FROM calls AS k WHERE k.rang_at IS NOT NULL
) AS c
CROSS JOIN (VALUES (1, 'rang'), (2, 'answered'), (3, 'start'), (4, 'discovery'), (5, 'active'), (6, 'completion')) AS s (step, phase)
GROUP BY c.tenant, (c.rang_at AT TIME ZONE 'UTC')::date, c.agent, s.step, s.phase;

COMMENT ON VIEW public.v_funnel IS 'How many calls reached each phase, by day and agent. A call that reached a phase counts for those before it.';
COMMENT ON COLUMN public.v_funnel.tenant IS 'Whose calls.';
COMMENT ON COLUMN public.v_funnel.day IS 'Day (UTC) on which they rang.';
COMMENT ON COLUMN public.v_funnel.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_funnel.step IS 'Order of the phases, starts at 1.';
COMMENT ON COLUMN public.v_funnel.phase IS 'rang, answered, start, discovery, active, completion.';
COMMENT ON COLUMN public.v_funnel.calls IS 'Calls that got so far.';
COMMENT ON COLUMN public.v_funnel.share IS 'Of all that rang, 0 to 1.';
