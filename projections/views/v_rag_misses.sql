CREATE OR REPLACE VIEW public.v_rag_misses AS
SELECT q.tenant, q.asked_at, q.day, q.call, q.turn, q.agent, q.revision, q.language, q.question,
       CASE WHEN q.failure IS NOT NULL THEN 'failed' WHEN q.late THEN 'late'
            WHEN q.found = 0 THEN 'nothing_found' ELSE 'no_answer' END AS why,
       CASE WHEN q.transferred_after THEN 'transferred' WHEN q.reply_kind IS NULL THEN 'no_reply'
            WHEN q.reply_kind = 'answer' THEN 'answered_without' ELSE q.reply_kind END AS fate,
       q.heard, c.ended_at IS NOT NULL AND q.turn = (
           SELECT max(t.turn) FROM turns AS t WHERE t.tenant = q.tenant AND t.call = q.call
       ) AS was_last, c.outcome
FROM v_questions AS q
LEFT JOIN calls AS c ON c.tenant = q.tenant AND c.call = q.call
WHERE NOT q.covered;

COMMENT ON VIEW public.v_rag_misses IS 'The questions the knowledge did not cover, and what became of them.';
COMMENT ON COLUMN public.v_rag_misses.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_rag_misses.asked_at IS 'When the knowledge was asked.';
COMMENT ON COLUMN public.v_rag_misses.day IS 'Day (UTC) of asked_at.';
COMMENT ON COLUMN public.v_rag_misses.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_rag_misses.turn IS 'The turn that asked, starts at 1.';
COMMENT ON COLUMN public.v_rag_misses.agent IS 'Whose knowledge.';
COMMENT ON COLUMN public.v_rag_misses.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_rag_misses.language IS 'BCP 47, of the call.';
COMMENT ON COLUMN public.v_rag_misses.question IS 'Personal data. What was looked up: the caller''s words.';
COMMENT ON COLUMN public.v_rag_misses.why IS 'nothing_found: the knowledge holds nothing about it; late: it came too late; failed: it could not be asked; no_answer: none came (yet).';
COMMENT ON COLUMN public.v_rag_misses.fate IS 'transferred: the caller was handed to a person, then or later; answered_without: the agent answered without knowledge; fallback: a phrase in place of an answer; no_reply; else the kind of reply.';
COMMENT ON COLUMN public.v_rag_misses.heard IS 'Personal data. What of the reply the caller heard.';
COMMENT ON COLUMN public.v_rag_misses.was_last IS 'Whether the caller said nothing more, and the call is over.';
COMMENT ON COLUMN public.v_rag_misses.outcome IS 'success, failure, unknown: of the call. NULL: not judged.';
