CREATE OR REPLACE VIEW public.v_knowledge AS
SELECT k.tenant, k.found_at, (k.found_at AT TIME ZONE 'UTC')::date AS day, k.call, k.turn, q.agent, q.revision,
       k.rank, k.document, k.chunk, k.title, k.score, k.used
FROM knowledge_use AS k
LEFT JOIN knowledge_questions AS q ON q.tenant = k.tenant AND q.call = k.call AND q.turn = k.turn;

COMMENT ON VIEW public.v_knowledge IS 'One row for each passage found for a question: which documents answers are made of.';
COMMENT ON COLUMN public.v_knowledge.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_knowledge.found_at IS 'When it was found.';
COMMENT ON COLUMN public.v_knowledge.day IS 'Day (UTC) of found_at.';
COMMENT ON COLUMN public.v_knowledge.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_knowledge.turn IS 'The turn that asked, starts at 1.';
COMMENT ON COLUMN public.v_knowledge.agent IS 'Whose knowledge.';
COMMENT ON COLUMN public.v_knowledge.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_knowledge.rank IS 'Place among the passages found, the best is 1.';
COMMENT ON COLUMN public.v_knowledge.document IS 'Id of the document.';
COMMENT ON COLUMN public.v_knowledge.chunk IS 'Place of the passage in it, starts at 0.';
COMMENT ON COLUMN public.v_knowledge.title IS 'Headings above the passage, outermost first.';
COMMENT ON COLUMN public.v_knowledge.score IS 'The store''s own measure, higher is nearer.';
COMMENT ON COLUMN public.v_knowledge.used IS 'Whether the answer was written from it.';
