CREATE TABLE IF NOT EXISTS public.analyst_tenants (
    role     name        PRIMARY KEY,
    tenant   text        NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE public.analyst_tenants IS 'Whose calls each analyst may read. Row-level security asks it at each statement: without a row here a role reads nothing.';
COMMENT ON COLUMN public.analyst_tenants.role IS 'The analyst''s role in PostgreSQL.';
COMMENT ON COLUMN public.analyst_tenants.tenant IS 'The one tenant.';
COMMENT ON COLUMN public.analyst_tenants.added_at IS 'Clock of this database.';

CREATE TABLE IF NOT EXISTS public.views_made (
    name   text PRIMARY KEY,
    sha256 text NOT NULL
);
COMMENT ON TABLE public.views_made IS 'What each view for analysts was made from: one that would become the same is left alone.';
COMMENT ON COLUMN public.views_made.name IS 'The view.';
COMMENT ON COLUMN public.views_made.sha256 IS 'SHA-256 of its file and of the tables it stands on, hexadecimal.';

-- current_user is whoever asks, also inside a view that is somebody else's and after SET ROLE. An
-- analyst can change neither that nor the table; a setting (SET partyline.tenant) anybody could.
CREATE OR REPLACE VIEW public.reader AS
SELECT (SELECT a.tenant FROM public.analyst_tenants AS a WHERE a.role = current_user) AS tenant,
       NOT EXISTS (SELECT FROM public.analyst_tenants AS a WHERE a.role = current_user)
       AND pg_has_role(current_user, o.relowner, 'USAGE') AS every_tenant
FROM pg_class AS o
WHERE o.oid = 'public.analyst_tenants'::regclass;
COMMENT ON VIEW public.reader IS 'Who is asking: always one row.';
COMMENT ON COLUMN public.reader.tenant IS 'The tenant an analyst is bound to. NULL: not an analyst.';
COMMENT ON COLUMN public.reader.every_tenant IS 'Whether it is the owner of the tables, or a superuser, and no analyst.';
