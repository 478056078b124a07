CREATE OR REPLACE VIEW public.v_latency AS
SELECT l.tenant, s.at, date_trunc('hour', s.at, 'UTC') AS hour, (s.at AT TIME ZONE 'UTC')::date AS day,
       l.call, l.turn, c.agent, c.revision, l.stage, l.place, l.is_part, l.provider, l.cached, greatest(l.ms, 0) AS ms, l.started_clock, l.ended_clock
FROM latency AS l
LEFT JOIN turns AS t ON t.tenant = l.tenant AND t.call = l.call AND t.turn = l.turn
LEFT JOIN calls AS c ON c.tenant = l.tenant AND c.call = l.call
CROSS JOIN LATERAL (SELECT coalesce(t.speech_ended_at, l.started_at) AS at) AS s
-- Nobody waits for an hour: it is the log that was written later, as a generated one is.
WHERE l.ms BETWEEN -100 AND 3600000
  -- What ended before it began was timed by two clocks that differ: so were the turn's other stages between two clocks.
  AND (l.started_clock = l.ended_clock OR NOT EXISTS (
      SELECT FROM latency AS o WHERE o.tenant = l.tenant AND o.call = l.call AND o.turn = l.turn AND o.ms < -100));

COMMENT ON VIEW public.v_latency IS 'One row for each turn and stage of the caller''s wait: made for percentile_cont(0.95) WITHIN GROUP (ORDER BY ms).';
COMMENT ON COLUMN public.v_latency.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_latency.at IS 'When the caller had spoken, the same for all stages of a turn; of the greeting, when the stage began.';
COMMENT ON COLUMN public.v_latency.hour IS 'Begin of its hour (UTC).';
COMMENT ON COLUMN public.v_latency.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_latency.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_latency.turn IS 'Starts at 1; 0: the greeting.';
COMMENT ON COLUMN public.v_latency.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_latency.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_latency.stage IS 'stt, dialog, passages, model, tts, gateway: one after another. wait: all of them, from the end of speech to the first audio. model_wrote: within model, until the first sentence was complete.';
COMMENT ON COLUMN public.v_latency.place IS 'Order of the stages, starts at 1.';
COMMENT ON COLUMN public.v_latency.is_part IS 'true: a part of wait; false: wait itself, and model_wrote.';
COMMENT ON COLUMN public.v_latency.provider IS 'stt: the recogniser; tts: the synthesiser; else NULL.';
COMMENT ON COLUMN public.v_latency.cached IS 'tts: whether the audio came from the cache; else NULL.';
COMMENT ON COLUMN public.v_latency.ms IS 'Milliseconds. Left out: stages of an hour or more, and a turn''s stages between two clocks where one of them would have ended 100 ms or more before it began: these clocks differ. The table latency has all of them.';
COMMENT ON COLUMN public.v_latency.started_clock IS 'Whose clock began it: gateway, dialog, log.';
COMMENT ON COLUMN public.v_latency.ended_clock IS 'Whose clock ended it.';
