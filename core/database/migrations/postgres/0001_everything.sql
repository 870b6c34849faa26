-- All tables, for PostgreSQL with PostGIS. Times are milliseconds since 1970 in UTC, days are of UTC.
--
-- Two roles without a login do the work, and the program takes one of them at the start of every transaction:
-- geocrop_tenant sees the rows of one tenant, named by the setting app.tenant; geocrop_system runs the queue and looks
-- accounts up before their tenant is known. Row-level security is forced on the owner as well.

CREATE EXTENSION IF NOT EXISTS postgis;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'geocrop_tenant') THEN
        CREATE ROLE geocrop_tenant NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'geocrop_system') THEN
        CREATE ROLE geocrop_system NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    -- Another database of this cluster made them at this moment.
    NULL;
END
$$;

CREATE TABLE tenants (
    id          TEXT PRIMARY KEY,
    created_at  BIGINT NOT NULL
);

CREATE TABLE users (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id),
    name           TEXT NOT NULL UNIQUE,
    -- An Argon2 hash in PHC form; NULL: nobody logs in with a password (invited guests).
    password_hash  TEXT,
    role           TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    UNIQUE (tenant_id, id)
);

CREATE TABLE runs (
    id             TEXT PRIMARY KEY,
    -- Equal for requests that have the same answer.
    content_key    TEXT NOT NULL,
    kind           TEXT NOT NULL,
    request        TEXT NOT NULL,
    -- The job that began it: its folder is where the result is published first.
    tenant_id      TEXT NOT NULL,
    job_id         TEXT NOT NULL,
    priority       BIGINT NOT NULL,
    -- The place in the queue, as a moment; and the moment before which a failed run is not tried again.
    rank_at        BIGINT NOT NULL,
    not_before     BIGINT NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    message        TEXT,
    attempts       BIGINT NOT NULL DEFAULT 0,
    -- Who works on it (a new token with every claim) and until when that is to be believed.
    claim          TEXT,
    claimed_until  BIGINT,
    worker         TEXT,
    created_at     BIGINT NOT NULL,
    started_at     BIGINT,
    finished_at    BIGINT,
    CHECK ((status = 'running') = (claim IS NOT NULL))
);
CREATE UNIQUE INDEX runs_alive ON runs (content_key) WHERE status IN ('waiting', 'running');
CREATE INDEX runs_waiting ON runs (rank_at, id) WHERE status = 'waiting';
CREATE INDEX runs_claimed ON runs (claimed_until) WHERE status = 'running';

CREATE TABLE jobs (
    id                 TEXT PRIMARY KEY,
    tenant_id          TEXT NOT NULL REFERENCES tenants (id),
    user_id            TEXT NOT NULL,
    -- NULL: answered from what was there.
    run_id             TEXT REFERENCES runs (id),
    kind               TEXT NOT NULL,
    request            TEXT NOT NULL,
    recipe             TEXT,
    period             TEXT,
    aoi_geojson        TEXT,
    -- The same area, for questions about space.
    aoi                geometry(Geometry, 4326),
    area_km2           DOUBLE PRECISION CHECK (area_km2 >= 0),
    priority           BIGINT NOT NULL,
    source             TEXT NOT NULL CHECK (source IN ('computed', 'precomputed')),
    -- 1: counts against the quota.
    counted            BIGINT NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    stage              TEXT NOT NULL DEFAULT '',
    progress           BIGINT NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    message            TEXT,
    attempts           BIGINT NOT NULL DEFAULT 0,
    -- Grows with every change that can be seen.
    version            BIGINT NOT NULL DEFAULT 1,
    estimated_seconds  DOUBLE PRECISION,
    estimated_bytes    BIGINT,
    seconds            DOUBLE PRECISION,
    bytes              BIGINT,
    created_at         BIGINT NOT NULL,
    started_at         BIGINT,
    finished_at        BIGINT,
    -- When the result goes.
    expires_at         BIGINT,
    result_key         TEXT,
    -- A job's user is of the job's tenant.
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CHECK (result_key IS NULL OR status = 'successful')
);
CREATE INDEX jobs_of_tenant ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_alive ON jobs (tenant_id) WHERE status IN ('accepted', 'running');
CREATE INDEX jobs_counted ON jobs (user_id) WHERE counted = 1;
CREATE INDEX jobs_of_run ON jobs (run_id);
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE result_key IS NOT NULL;
CREATE INDEX jobs_in_space ON jobs USING gist (aoi);

CREATE TABLE idempotency_keys (
    user_id       TEXT NOT NULL,
    tenant_id     TEXT NOT NULL,
    key           TEXT NOT NULL,
    request_hash  TEXT NOT NULL,
    job_id        TEXT NOT NULL REFERENCES jobs (id),
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (user_id, key)
);

CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES users (id),
    -- SHA-256 of the refresh token that is good now, and of the one before it: whoever shows that one has stolen it.
    refresh_hash   TEXT NOT NULL,
    previous_hash  TEXT,
    created_at     BIGINT NOT NULL,
    expires_at     BIGINT NOT NULL,
    revoked_at     BIGINT
);
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE api_keys (
    id            TEXT PRIMARY KEY,
    tenant_id     TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id),
    name          TEXT NOT NULL,
    secret_hash   TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    last_used_at  BIGINT,
    revoked_at    BIGINT
);
CREATE INDEX api_keys_of_user ON api_keys (user_id);

CREATE TABLE invites (
    id           TEXT PRIMARY KEY,
    -- Whoever made it, and their tenant.
    tenant_id    TEXT NOT NULL,
    created_by   TEXT NOT NULL,
    secret_hash  TEXT NOT NULL,
    role         TEXT NOT NULL,
    note         TEXT NOT NULL,
    -- The tenant that guests become members of; NULL: each gets a tenant of their own.
    guest_tenant TEXT,
    seats        BIGINT NOT NULL CHECK (seats > 0),
    used         BIGINT NOT NULL DEFAULT 0,
    -- The guest of an invite with one seat, who may come back with it.
    guest_id     TEXT,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    CHECK (used <= seats)
);

-- What the server found when it looked at its own parts: where each stands, and how the checks of a day came out.
CREATE TABLE part_states (
    part        TEXT PRIMARY KEY,
    state       TEXT NOT NULL CHECK (state IN ('up', 'degraded', 'down')),
    detail      TEXT NOT NULL,
    since       BIGINT NOT NULL,
    checked_at  BIGINT NOT NULL
);
CREATE TABLE part_days (
    day       TEXT NOT NULL,
    part      TEXT NOT NULL,
    up        BIGINT NOT NULL DEFAULT 0,
    degraded  BIGINT NOT NULL DEFAULT 0,
    down      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, part)
);

-- Who may do what. What a tenant's transaction needs, it gets; runs, invites and the history are the system's.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO geocrop_system;
GRANT SELECT ON tenants TO geocrop_tenant;
-- The column with the hash is not among them.
GRANT SELECT (id, tenant_id, name, role, created_at) ON users TO geocrop_tenant;
GRANT SELECT, INSERT, UPDATE ON jobs TO geocrop_tenant;
GRANT SELECT, INSERT ON idempotency_keys TO geocrop_tenant;
GRANT SELECT, UPDATE ON api_keys TO geocrop_tenant;

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants TO geocrop_tenant USING (id = current_setting('app.tenant', true));
CREATE POLICY every ON tenants TO geocrop_system USING (true) WITH CHECK (true);

DO $$
DECLARE
    name TEXT;
BEGIN
    FOREACH name IN ARRAY ARRAY['users', 'jobs', 'idempotency_keys', 'sessions', 'api_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY own ON %I TO geocrop_tenant
            USING (tenant_id = current_setting(''app.tenant'', true))
            WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', name);
        EXECUTE format('CREATE POLICY every ON %I TO geocrop_system USING (true) WITH CHECK (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['runs', 'invites', 'part_states', 'part_days'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY every ON %I TO geocrop_system USING (true) WITH CHECK (true)', name);
    END LOOP;
END
$$;
