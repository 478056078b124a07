CREATE OR REPLACE VIEW public.v_hourly AS
SELECT d.tenant, d.hour, (d.hour AT TIME ZONE 'UTC')::date AS day, d.agent, d.revision, d.language, d.direction,
       sum(d.calls) AS calls, sum(d.answered) AS answered, sum(d.ended) AS ended,
       (sum(d.duration_ms) / 1000)::double precision AS duration_s, sum(d.turns) AS turns,
       sum(d.misheard) AS misheard, sum(d.replies) AS replies, sum(d.fallbacks) AS fallbacks,
       sum(d.interruptions) AS interruptions, sum(d.barge_ins) AS barge_ins,
       sum(d.wait_ms)::bigint AS wait_ms, sum(d.waits) AS waits, sum(d.questions) AS questions,
       sum(d.unanswered_questions) AS unanswered_questions, sum(d.tool_runs) AS tool_runs,
       sum(d.tool_failures) AS tool_failures, sum(d.transfers) AS transfers,
       sum(d.transfers_misheard) AS transfers_misheard, sum(d.line_losses) AS line_losses,
       sum(d.tokens_in)::bigint AS tokens_in, sum(d.tokens_out)::bigint AS tokens_out,
       sum(d.succeeded) AS succeeded, sum(d.failed) AS failed,
       sum(d.end_caller_hung_up) AS end_caller_hung_up, sum(d.end_agent_hung_up) AS end_agent_hung_up,
       sum(d.end_transferred) AS end_transferred, sum(d.end_inactivity) AS end_inactivity,
       sum(d.end_duration) AS end_duration, sum(d.end_media_lost) AS end_media_lost,
       sum(d.end_line_lost) AS end_line_lost, sum(d.end_refused) AS end_refused,
       sum(d.end_unanswered) AS end_unanswered, sum(d.end_bus_lost) AS end_bus_lost,
       sum(d.end_shutdown) AS end_shutdown, sum(d.end_other) AS end_other
FROM daily AS d
GROUP BY d.tenant, d.hour, d.agent, d.revision, d.language, d.direction;

COMMENT ON VIEW public.v_hourly IS 'What calls add up to, by the hour in which they rang, agent, revision, language and direction.';
COMMENT ON COLUMN public.v_hourly.tenant IS 'Whose calls.';
COMMENT ON COLUMN public.v_hourly.hour IS 'Begin of the hour (UTC).';
COMMENT ON COLUMN public.v_hourly.day IS 'Day (UTC) of the hour.';
COMMENT ON COLUMN public.v_hourly.agent IS 'The agent''s name; empty: not known.';
COMMENT ON COLUMN public.v_hourly.revision IS 'The agent''s revision, starts at 1; 0: not known.';
COMMENT ON COLUMN public.v_hourly.language IS 'BCP 47; empty: none was spoken yet.';
COMMENT ON COLUMN public.v_hourly.direction IS 'inbound or outbound.';
COMMENT ON COLUMN public.v_hourly.calls IS 'Calls that rang.';
COMMENT ON COLUMN public.v_hourly.answered IS 'Of those, answered.';
COMMENT ON COLUMN public.v_hourly.ended IS 'Over.';
COMMENT ON COLUMN public.v_hourly.duration_s IS 'Seconds from answer to end, in all.';
COMMENT ON COLUMN public.v_hourly.turns IS 'Turns understood.';
COMMENT ON COLUMN public.v_hourly.misheard IS 'Turns not understood.';
COMMENT ON COLUMN public.v_hourly.replies IS 'Replies begun, greetings included.';
COMMENT ON COLUMN public.v_hourly.fallbacks IS 'Replies that were a phrase in place of an answer.';
COMMENT ON COLUMN public.v_hourly.interruptions IS 'Replies given up before their end.';
COMMENT ON COLUMN public.v_hourly.barge_ins IS 'Times a caller spoke over a reply.';
COMMENT ON COLUMN public.v_hourly.wait_ms IS 'Milliseconds waited in all, from the end of speech to the first audio of the reply.';
COMMENT ON COLUMN public.v_hourly.waits IS 'Turns in wait_ms: wait_ms / waits is the mean.';
COMMENT ON COLUMN public.v_hourly.questions IS 'Questions to the knowledge.';
COMMENT ON COLUMN public.v_hourly.unanswered_questions IS 'Of those, for which it held nothing.';
COMMENT ON COLUMN public.v_hourly.tool_runs IS 'Uses of tools.';
COMMENT ON COLUMN public.v_hourly.tool_failures IS 'Of those, failed or of unknown fate.';
COMMENT ON COLUMN public.v_hourly.transfers IS 'Calls handed to a person.';
COMMENT ON COLUMN public.v_hourly.transfers_misheard IS 'Of those, because the agent did not understand.';
COMMENT ON COLUMN public.v_hourly.line_losses IS 'Times a line broke unplanned.';
COMMENT ON COLUMN public.v_hourly.tokens_in IS 'Tokens the model read.';
COMMENT ON COLUMN public.v_hourly.tokens_out IS 'Tokens it wrote.';
COMMENT ON COLUMN public.v_hourly.succeeded IS 'Calls judged a success.';
COMMENT ON COLUMN public.v_hourly.failed IS 'Calls judged a failure.';
COMMENT ON COLUMN public.v_hourly.end_caller_hung_up IS 'Ended by the caller.';
COMMENT ON COLUMN public.v_hourly.end_agent_hung_up IS 'Ended by the agent.';
COMMENT ON COLUMN public.v_hourly.end_transferred IS 'Ended by a transfer.';
COMMENT ON COLUMN public.v_hourly.end_inactivity IS 'Ended because nobody spoke.';
COMMENT ON COLUMN public.v_hourly.end_duration IS 'Ended as they were as long as the agent allows.';
COMMENT ON COLUMN public.v_hourly.end_media_lost IS 'Ended because no more audio came.';
COMMENT ON COLUMN public.v_hourly.end_line_lost IS 'Ended because a broken line did not come back.';
COMMENT ON COLUMN public.v_hourly.end_refused IS 'Refused.';
COMMENT ON COLUMN public.v_hourly.end_unanswered IS 'Never answered.';
COMMENT ON COLUMN public.v_hourly.end_bus_lost IS 'Ended because the gateway lost NATS.';
COMMENT ON COLUMN public.v_hourly.end_shutdown IS 'Ended because the gateway was stopped.';
COMMENT ON COLUMN public.v_hourly.end_other IS 'Ended for another reason.';
