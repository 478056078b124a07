CREATE OR REPLACE VIEW public.v_costs AS
SELECT c.tenant, c.at, (c.at AT TIME ZONE 'UTC')::date AS day, c.call, c.agent, c.revision, c.kind,
       w.provider, w.model, c.unit, c.quantity, c.estimated, p.price, p.per,
       (c.quantity::numeric * p.price / p.per)::numeric(20, 8) AS cost, p.currency
FROM costs AS c
LEFT JOIN agents AS a ON a.tenant = c.tenant AND a.agent = c.agent AND a.revision = c.revision
CROSS JOIN LATERAL (SELECT
    coalesce(nullif(c.provider, ''),
             CASE c.kind WHEN 'llm' THEN a.llm_provider WHEN 'stt' THEN a.stt_provider END, '') AS provider,
    coalesce(nullif(c.model, ''),
             CASE WHEN c.kind = 'llm' AND c.provider IN ('', a.llm_provider) THEN a.llm_model
                  WHEN c.kind = 'stt' AND c.provider IN ('', a.stt_provider) THEN a.stt_model END, '') AS model) AS w
-- As price_of has it; a function would be run with the analyst's rights, who has none to the prices.
LEFT JOIN LATERAL (
    SELECT r.price, r.per, r.currency FROM prices AS r
    WHERE r.kind = c.kind AND r.provider = w.provider AND r.unit = c.unit AND r.model IN ('', w.model)
      AND r.from_day <= (c.at AT TIME ZONE 'UTC')::date
    ORDER BY r.model DESC, r.from_day DESC LIMIT 1
) AS p ON true;

COMMENT ON VIEW public.v_costs IS 'What each call used of each unit, and what that cost by the prices of the day it rang.';
COMMENT ON COLUMN public.v_costs.tenant IS 'Whose call.';
COMMENT ON COLUMN public.v_costs.at IS 'When the call rang.';
COMMENT ON COLUMN public.v_costs.day IS 'Day (UTC) of at.';
COMMENT ON COLUMN public.v_costs.call IS 'The call''s id, a UUIDv7.';
COMMENT ON COLUMN public.v_costs.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_costs.revision IS 'The agent''s revision, starts at 1.';
COMMENT ON COLUMN public.v_costs.kind IS 'stt, llm, tts, carrier.';
COMMENT ON COLUMN public.v_costs.provider IS 'Who is to be paid: as the log tells it, else as the agent''s revision names it; empty: not known.';
COMMENT ON COLUMN public.v_costs.model IS 'The provider''s model, likewise; empty: the provider''s default, or not known.';
COMMENT ON COLUMN public.v_costs.unit IS 'stt: speech_seconds, line_seconds; llm: tokens_in, tokens_out, and of those the discarded_tokens_in, discarded_tokens_out; tts: characters, seconds, cached_characters, cached_seconds, dropped_seconds; carrier: seconds, minutes_begun. The same use may stand here in several units, of which one has a price.';
COMMENT ON COLUMN public.v_costs.quantity IS 'How much, in that unit.';
COMMENT ON COLUMN public.v_costs.estimated IS 'true: the carrier has not reported what it bills, so the quantity is the line''s own time; llm: a part belongs to answers that were discarded, whose model did not tell.';
COMMENT ON COLUMN public.v_costs.price IS 'Of so many units as per says, on that day. NULL: the unit has no price and costs nothing.';
COMMENT ON COLUMN public.v_costs.per IS 'Units that cost the price.';
COMMENT ON COLUMN public.v_costs.cost IS 'quantity x price / per. NULL: the unit has no price.';
COMMENT ON COLUMN public.v_costs.currency IS 'ISO 4217. NULL: the unit has no price.';
