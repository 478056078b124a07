CREATE OR REPLACE VIEW public.v_questions AS
SELECT q.tenant, q.asked_at, (q.asked_at AT TIME ZONE 'UTC')::date AS day, q.call, q.turn, q.agent, q.revision,
       c.language, q.question, q.found, q.used, q.top_score, q.top_document, q.late, q.failure, q.took_ms,
       coalesce(q.found > 0, false) AND NOT q.late AS covered,
       q.reply_kind, t.heard, q.transferred_after
FROM knowledge_questions AS q
LEFT JOIN turns AS t ON t.tenant = q.tenant AND t.call = q.call AND t.turn = q.turn
LEFT JOIN calls AS c ON c.tenant = q.tenant AND c.call = q.call;

COMMENT ON VIEW public.v_questions IS 'One row for each question to the knowledge, and what it held.';
COMMENT ON COLUMN public.v_questions.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_questions.asked_at IS 'When the knowledge was asked.';
COMMENT ON COLUMN public.v_questions.day IS 'Day (UTC) of asked_at.';
COMMENT ON COLUMN public.v_questions.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_questions.turn IS 'The turn that asked, starts at 1.';
COMMENT ON COLUMN public.v_questions.agent IS 'Whose knowledge.';
COMMENT ON COLUMN public.v_questions.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_questions.language IS 'BCP 47, of the call.';
COMMENT ON COLUMN public.v_questions.question IS 'Personal data. What was looked up: the caller''s words.';
COMMENT ON COLUMN public.v_questions.found IS 'Passages found; 0: the knowledge holds nothing about it. NULL: no answer came.';
COMMENT ON COLUMN public.v_questions.used IS 'Passages the answer was written from.';
COMMENT ON COLUMN public.v_questions.top_score IS 'Score of the best passage, the store''s own measure. NULL: none.';
COMMENT ON COLUMN public.v_questions.top_document IS 'Id of that passage''s document.';
COMMENT ON COLUMN public.v_questions.late IS 'The passages came too late: the call went on without them.';
COMMENT ON COLUMN public.v_questions.failure IS 'The error''s class where the knowledge could not be asked.';
COMMENT ON COLUMN public.v_questions.took_ms IS 'Milliseconds the knowledge took.';
COMMENT ON COLUMN public.v_questions.covered IS 'Whether it held something, in time.';
COMMENT ON COLUMN public.v_questions.reply_kind IS 'What the caller got: answer, fallback, proposal, result, transfer, goodbye. NULL: nothing.';
COMMENT ON COLUMN public.v_questions.heard IS 'Personal data. What of the reply the caller heard.';
COMMENT ON COLUMN public.v_questions.transferred_after IS 'Whether the caller was handed to a person later in the call.';
