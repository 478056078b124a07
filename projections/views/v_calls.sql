CREATE OR REPLACE VIEW public.v_calls AS
SELECT c.tenant, c.rang_at, (c.rang_at AT TIME ZONE 'UTC')::date AS day, c.call, c.agent, c.revision,
       c.direction, c.carrier, c.caller, c.called, c.language, c.languages, c.state,
       c.answered_at, c.ended_at, (CASE WHEN c.duration_ms >= 0 THEN c.duration_ms END / 1000.0)::double precision AS duration_s, c.end_reason,
       c.phase, c.turns, c.misheard, c.replies, c.interruptions, c.tool_runs,
       c.transferred_to IS NOT NULL AS transferred, c.transferred_to,
       CASE WHEN c.answered_at IS NOT NULL AND c.ended_at IS NOT NULL
            THEN c.transferred_to IS NULL END AS contained,
       c.outcome, c.summary, c.frames, c.late_frames,
       (CASE WHEN u.currencies = 1 THEN u.cost END)::numeric(20, 8) AS cost,
       CASE WHEN u.currencies = 1 THEN u.currency END AS currency
FROM calls AS c
LEFT JOIN LATERAL (
    SELECT sum(p.cost)::numeric(20, 8) AS cost, min(p.currency) AS currency,
           count(DISTINCT p.currency) AS currencies
    FROM v_costs AS p WHERE p.tenant = c.tenant AND p.call = c.call
) AS u ON true;

COMMENT ON VIEW public.v_calls IS 'One row for each call: who, when, how it ended, what came of it and what it cost.';
COMMENT ON COLUMN public.v_calls.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_calls.rang_at IS 'When it rang.';
COMMENT ON COLUMN public.v_calls.day IS 'Day (UTC) of rang_at.';
COMMENT ON COLUMN public.v_calls.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_calls.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_calls.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_calls.direction IS 'inbound or outbound.';
COMMENT ON COLUMN public.v_calls.carrier IS 'The telephone company: twilio, loopback...';
COMMENT ON COLUMN public.v_calls.caller IS 'Personal data. Number or address of the person, as the carrier gave it.';
COMMENT ON COLUMN public.v_calls.called IS 'Personal data. Number or address that was called.';
COMMENT ON COLUMN public.v_calls.language IS 'BCP 47: spoken from the beginning.';
COMMENT ON COLUMN public.v_calls.languages IS 'BCP 47: that one, then others in which the caller was heard.';
COMMENT ON COLUMN public.v_calls.state IS 'ringing, live, ended.';
COMMENT ON COLUMN public.v_calls.answered_at IS 'NULL: never answered.';
COMMENT ON COLUMN public.v_calls.ended_at IS 'NULL: it goes on.';
COMMENT ON COLUMN public.v_calls.duration_s IS 'Seconds from answer to end. NULL: never answered, or it goes on, or two gateways whose clocks differ began and ended it.';
COMMENT ON COLUMN public.v_calls.end_reason IS 'Who or what ended it: caller_hung_up, agent_hung_up, transferred, inactivity... NULL: it goes on.';
COMMENT ON COLUMN public.v_calls.phase IS 'The phase reached: start, discovery, active, completion.';
COMMENT ON COLUMN public.v_calls.turns IS 'Turns that were understood.';
COMMENT ON COLUMN public.v_calls.misheard IS 'Turns that were not.';
COMMENT ON COLUMN public.v_calls.replies IS 'Replies begun, the greeting included.';
COMMENT ON COLUMN public.v_calls.interruptions IS 'Replies given up before their end.';
COMMENT ON COLUMN public.v_calls.tool_runs IS 'Uses of tools.';
COMMENT ON COLUMN public.v_calls.transferred IS 'Whether the caller was handed to a person.';
COMMENT ON COLUMN public.v_calls.transferred_to IS 'The agent''s own number or address for that. NULL: not transferred.';
COMMENT ON COLUMN public.v_calls.contained IS 'Whether it ended without a transfer. NULL: never answered, or it goes on.';
COMMENT ON COLUMN public.v_calls.outcome IS 'success, failure, unknown: the last judgement of the finished call. NULL: not judged.';
COMMENT ON COLUMN public.v_calls.summary IS 'Personal data. What the call was about and what came of it. NULL: none was written.';
COMMENT ON COLUMN public.v_calls.frames IS 'Caller frames of 20 ms received.';
COMMENT ON COLUMN public.v_calls.late_frames IS 'Of those, more than 20 ms late.';
COMMENT ON COLUMN public.v_calls.cost IS 'What all it used cost by the prices of its day; see v_costs. NULL: nothing of it has a price, or prices of several currencies.';
COMMENT ON COLUMN public.v_calls.currency IS 'ISO 4217, of cost.';
