CREATE OR REPLACE VIEW public.v_turns AS
SELECT t.tenant, coalesce(t.speech_ended_at, t.taken_at, t.playback_started_at, c.rang_at) AS at,
       (coalesce(t.speech_ended_at, t.taken_at, t.playback_started_at, c.rang_at) AT TIME ZONE 'UTC')::date AS day,
       t.call, t.turn, c.agent, c.revision, c.language, t.said, t.intent, t.kind, t.slots, t.confidence,
       t.failures, t.reply_kind, t.replies, t.written, t.heard, t.interrupted, t.sources, t.top_score, t.tools,
       CASE WHEN k.agree AND t.stt_ms < 3600000 THEN greatest(t.stt_ms, 0) END AS stt_ms,
       t.dialog_ms, t.passages_ms, t.model_ms, t.tts_ms,
       CASE WHEN k.agree AND t.gateway_ms < 3600000 THEN greatest(t.gateway_ms, 0) END AS gateway_ms,
       CASE WHEN t.wait_ms BETWEEN 0 AND 3600000 THEN t.wait_ms END AS wait_ms
FROM turns AS t
LEFT JOIN calls AS c ON c.tenant = t.tenant AND c.call = t.call
-- As in v_latency: what ended before it began was timed by two clocks that differ.
CROSS JOIN LATERAL (SELECT least(t.stt_ms, t.gateway_ms) >= -100 AS agree) AS k;

COMMENT ON VIEW public.v_turns IS 'One row for each turn: what the caller said, the agent''s answer to it, and where the wait went. Turn 0 is the greeting.';
COMMENT ON COLUMN public.v_turns.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_turns.at IS 'When the caller had spoken; of the greeting, when it was first heard.';
COMMENT ON COLUMN public.v_turns.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_turns.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_turns.turn IS 'Starts at 1; 0: the greeting.';
COMMENT ON COLUMN public.v_turns.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_turns.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_turns.language IS 'BCP 47, of the call.';
COMMENT ON COLUMN public.v_turns.said IS 'Personal data. What the caller said, as recognised. NULL: the greeting, or not understood.';
COMMENT ON COLUMN public.v_turns.intent IS 'A name of the agent''s intents, or unknown.';
COMMENT ON COLUMN public.v_turns.kind IS 'hello, goodbye, confirm, question, action, unknown; misheard: not understood.';
COMMENT ON COLUMN public.v_turns.slots IS 'Personal data. What the intent''s slots were filled with.';
COMMENT ON COLUMN public.v_turns.confidence IS 'Of the transcript, 0 to 1.';
COMMENT ON COLUMN public.v_turns.failures IS 'Turns misheard in a row, this one counted.';
COMMENT ON COLUMN public.v_turns.reply_kind IS 'greeting, answer, fallback, proposal, result, transfer, goodbye: of the first reply. NULL: none.';
COMMENT ON COLUMN public.v_turns.replies IS 'Replies to the turn.';
COMMENT ON COLUMN public.v_turns.written IS 'Personal data. The answer as written.';
COMMENT ON COLUMN public.v_turns.heard IS 'Personal data. What of it the caller heard.';
COMMENT ON COLUMN public.v_turns.interrupted IS 'Whether a reply to it was given up before its end.';
COMMENT ON COLUMN public.v_turns.sources IS 'Passages the answer was written from, as document#chunk, best first.';
COMMENT ON COLUMN public.v_turns.top_score IS 'Score of the best passage found, the store''s own measure.';
COMMENT ON COLUMN public.v_turns.tools IS 'Names of the tools run, in order.';
COMMENT ON COLUMN public.v_turns.stt_ms IS 'Milliseconds from the end of speech to the transcript; the silence that ends a turn is in it. NULL too where the clocks of gateway and log differ.';
COMMENT ON COLUMN public.v_turns.dialog_ms IS 'Milliseconds from there until the turn was taken.';
COMMENT ON COLUMN public.v_turns.passages_ms IS 'Milliseconds the knowledge took. NULL: it was not asked, or did not answer.';
COMMENT ON COLUMN public.v_turns.model_ms IS 'Milliseconds from there to the first sentence.';
COMMENT ON COLUMN public.v_turns.tts_ms IS 'Milliseconds from there to its first audio.';
COMMENT ON COLUMN public.v_turns.gateway_ms IS 'Milliseconds from there until it was sent out. NULL too where the clocks of gateway and log differ.';
COMMENT ON COLUMN public.v_turns.wait_ms IS 'Milliseconds from the end of speech to the first audio: what the caller waited.';
