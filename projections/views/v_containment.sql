CREATE OR REPLACE VIEW public.v_containment AS
SELECT c.tenant, (c.rang_at AT TIME ZONE 'UTC')::date AS day, c.agent, count(*) AS calls,
       count(*) FILTER (WHERE c.transferred_to IS NULL) AS contained,
       count(*) FILTER (WHERE c.transferred_to IS NOT NULL) AS transferred,
       (count(*) FILTER (WHERE c.transferred_to IS NULL))::double precision / count(*) AS share,
       count(*) FILTER (WHERE c.transferred_to IS NULL AND c.outcome = 'success') AS contained_successes
FROM calls AS c
WHERE c.answered_at IS NOT NULL AND c.ended_at IS NOT NULL AND c.rang_at IS NOT NULL
GROUP BY c.tenant, (c.rang_at AT TIME ZONE 'UTC')::date, c.agent;

COMMENT ON VIEW public.v_containment IS 'Of the calls that were answered and are over, how many ended without a transfer, by day and agent.';
COMMENT ON COLUMN public.v_containment.tenant IS 'Whose calls.';
COMMENT ON COLUMN public.v_containment.day IS 'Day (UTC) on which they rang.';
COMMENT ON COLUMN public.v_containment.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_containment.calls IS 'Answered and over.';
COMMENT ON COLUMN public.v_containment.contained IS 'Of those, ended without a transfer to a person, for whatever reason.';
COMMENT ON COLUMN public.v_containment.transferred IS 'The others.';
COMMENT ON COLUMN public.v_containment.share IS 'contained / calls, 0 to 1.';
COMMENT ON COLUMN public.v_containment.contained_successes IS 'Contained calls that were judged a success.';
