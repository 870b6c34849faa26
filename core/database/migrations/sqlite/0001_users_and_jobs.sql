-- Tenants, their users, and the queue of jobs. Times are milliseconds since 1970 in UTC.

CREATE TABLE tenants (
    id          TEXT PRIMARY KEY,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id),
    name           TEXT NOT NULL UNIQUE,
    password_hash  TEXT NOT NULL,
    role           TEXT NOT NULL CHECK (role IN ('recruiter', 'admin')),
    created_at     INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

CREATE TABLE jobs (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id),
    user_id        TEXT NOT NULL,
    recipe         TEXT NOT NULL,
    period         TEXT NOT NULL,
    aoi_geojson    TEXT NOT NULL,
    area_km2       REAL NOT NULL CHECK (area_km2 > 0),
    status         TEXT NOT NULL CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    stage          TEXT NOT NULL DEFAULT '',
    progress       INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    message        TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    -- Who works on it (a new token with every claim) and until when that is to be believed.
    claim          TEXT,
    claimed_until  INTEGER,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    result_item    TEXT,
    -- A job's user is of the job's tenant.
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CHECK ((status = 'running') = (claim IS NOT NULL)),
    CHECK ((status = 'successful') = (result_item IS NOT NULL))
) STRICT;

CREATE INDEX jobs_of_tenant ON jobs (tenant_id, created_at);
CREATE INDEX jobs_of_user ON jobs (user_id);
CREATE INDEX jobs_waiting ON jobs (created_at) WHERE status = 'accepted';
CREATE INDEX jobs_claimed ON jobs (claimed_until) WHERE status = 'running';
