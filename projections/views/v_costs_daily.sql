CREATE OR REPLACE VIEW public.v_costs_daily AS
SELECT c.tenant, c.day, c.agent, c.kind, c.provider, c.model, c.unit, c.currency,
       count(DISTINCT c.call) AS calls, sum(c.quantity) AS quantity, sum(c.cost)::numeric(20, 8) AS cost
FROM v_costs AS c
GROUP BY c.tenant, c.day, c.agent, c.kind, c.provider, c.model, c.unit, c.currency;

COMMENT ON VIEW public.v_costs_daily IS 'v_costs added up: by the day on which the calls rang, agent, provider and unit.';
COMMENT ON COLUMN public.v_costs_daily.tenant IS 'Whose calls.';
COMMENT ON COLUMN public.v_costs_daily.day IS 'Day (UTC) on which the calls rang.';
COMMENT ON COLUMN public.v_costs_daily.agent IS 'The agent''s name.';
COMMENT ON COLUMN public.v_costs_daily.kind IS 'As in v_costs.';
COMMENT ON COLUMN public.v_costs_daily.provider IS 'As in v_costs.';
COMMENT ON COLUMN public.v_costs_daily.model IS 'As in v_costs.';
COMMENT ON COLUMN public.v_costs_daily.unit IS 'As in v_costs.';
COMMENT ON COLUMN public.v_costs_daily.currency IS 'ISO 4217. NULL: the unit has no price.';
COMMENT ON COLUMN public.v_costs_daily.calls IS 'Calls that used it.';
COMMENT ON COLUMN public.v_costs_daily.quantity IS 'How much they used, in that unit.';
COMMENT ON COLUMN public.v_costs_daily.cost IS 'What that cost. NULL: the unit has no price.';
