CREATE TABLE IF NOT EXISTS prices (
    kind     text    NOT NULL,
    provider text    NOT NULL,
    model    text    NOT NULL DEFAULT '',
    unit     text    NOT NULL,
    from_day date    NOT NULL DEFAULT '1970-01-01',
    price    numeric NOT NULL CHECK (price >= 0),
    per      numeric NOT NULL DEFAULT 1 CHECK (per > 0),
    currency text    NOT NULL,
    PRIMARY KEY (kind, provider, model, unit, from_day)
);
COMMENT ON TABLE prices IS 'What things cost, from the configured file of prices: no projection, so a changed price needs no rebuild. Empty: calls cost nothing.';
COMMENT ON COLUMN prices.kind IS 'As in costs: stt, llm, tts, carrier.';
COMMENT ON COLUMN prices.provider IS 'As in costs.';
COMMENT ON COLUMN prices.model IS 'The provider''s model; empty: any that has no price of its own.';
COMMENT ON COLUMN prices.unit IS 'As in costs.';
COMMENT ON COLUMN prices.from_day IS 'First day (UTC) of calls it holds for, until the next price''s.';
COMMENT ON COLUMN prices.price IS 'Of so many units as per says.';
COMMENT ON COLUMN prices.per IS 'Units that cost the price: 1000000 for a price per million tokens.';
COMMENT ON COLUMN prices.currency IS 'ISO 4217: USD, EUR...';

CREATE OR REPLACE FUNCTION price_of(
    wanted_kind text, wanted_provider text, wanted_model text, wanted_unit text, called_at timestamptz
) RETURNS SETOF prices LANGUAGE sql STABLE AS $$
    SELECT p.* FROM prices AS p
    WHERE p.kind = wanted_kind AND p.provider = wanted_provider AND p.unit = wanted_unit
      AND p.model IN ('', coalesce(wanted_model, ''))
      AND p.from_day <= (called_at AT TIME ZONE 'UTC')::date
    ORDER BY p.model DESC, p.from_day DESC LIMIT 1
$$;
COMMENT ON FUNCTION price_of IS 'The price of a unit on the day of a call, the model''s own before the provider''s; no row: it has none.';
