CREATE OR REPLACE VIEW public.v_timeline AS
SELECT e.tenant, e.at, (e.at AT TIME ZONE 'UTC')::date AS day, e.call, e.sequence, e.index, e.offset_ms, e.lane, e.type,
       e.stored_at, e.visible_at, e.row_ms
FROM timeline AS e;

COMMENT ON VIEW public.v_timeline IS 'One row for each event of a call, without its words: how far apart things happened, and how fresh the tables are.';
COMMENT ON COLUMN public.v_timeline.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_timeline.at IS 'When, clock of the event''s writer.';
COMMENT ON COLUMN public.v_timeline.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_timeline.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_timeline.sequence IS 'Stream sequence of the event''s message.';
COMMENT ON COLUMN public.v_timeline.index IS 'Place in that message, starts at 0.';
COMMENT ON COLUMN public.v_timeline.offset_ms IS 'Milliseconds from the ring.';
COMMENT ON COLUMN public.v_timeline.lane IS 'Who did it: line, caller, agent, dialog, knowledge, tool, outcome.';
COMMENT ON COLUMN public.v_timeline.type IS 'The event''s type, with the version of its contract.';
COMMENT ON COLUMN public.v_timeline.stored_at IS 'When the log stored it.';
COMMENT ON COLUMN public.v_timeline.visible_at IS 'When this row was written.';
COMMENT ON COLUMN public.v_timeline.row_ms IS 'Milliseconds from stored_at to visible_at: how far the tables are behind. Large where they were made anew.';
