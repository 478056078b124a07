CREATE OR REPLACE VIEW public.v_interruptions AS
SELECT i.tenant, i.at, (i.at AT TIME ZONE 'UTC')::date AS day, i.call, i.reply, i.turn, c.agent, c.revision,
       i.kind, i.cause, i.by_caller, i.sentence, i.sentences, i.played_ms, i.heard, i.resumed, i.stop_ms,
       i.next_turn, i.next_kind, i.next_said
FROM interruptions AS i
LEFT JOIN calls AS c ON c.tenant = i.tenant AND c.call = i.call;

COMMENT ON VIEW public.v_interruptions IS 'One row for each reply that was given up before the caller had heard it to its end.';
COMMENT ON COLUMN public.v_interruptions.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_interruptions.at IS 'When it was given up.';
COMMENT ON COLUMN public.v_interruptions.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_interruptions.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_interruptions.reply IS 'Number of the reply in the call, starts at 1.';
COMMENT ON COLUMN public.v_interruptions.turn IS 'The turn it answered, starts at 1; 0: the greeting.';
COMMENT ON COLUMN public.v_interruptions.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_interruptions.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_interruptions.kind IS 'greeting, answer, fallback, proposal, result, transfer, goodbye, bridge.';
COMMENT ON COLUMN public.v_interruptions.cause IS 'barge_in: the caller spoke over it; key; overtaken: the caller''s next words came before its end; line_lost; left_out: a part could not be spoken; hung_up; unknown.';
COMMENT ON COLUMN public.v_interruptions.by_caller IS 'Whether the caller caused it: barge_in, key or overtaken.';
COMMENT ON COLUMN public.v_interruptions.sentence IS 'The sentence that was cut, starts at 1; 0: not known, or nothing had been played.';
COMMENT ON COLUMN public.v_interruptions.sentences IS 'The reply''s sentences written by then.';
COMMENT ON COLUMN public.v_interruptions.played_ms IS 'Milliseconds of the cut sentence that were played.';
COMMENT ON COLUMN public.v_interruptions.heard IS 'Personal data. The words of the reply that the caller heard.';
COMMENT ON COLUMN public.v_interruptions.resumed IS 'Whether the rest was said again in the next reply.';
COMMENT ON COLUMN public.v_interruptions.stop_ms IS 'Milliseconds the agent spoke on over the caller. NULL: nobody spoke over it.';
COMMENT ON COLUMN public.v_interruptions.next_turn IS 'The turn after it. NULL: none came.';
COMMENT ON COLUMN public.v_interruptions.next_kind IS 'The kind of that turn; misheard: not understood.';
COMMENT ON COLUMN public.v_interruptions.next_said IS 'Personal data. What the caller said in it.';
