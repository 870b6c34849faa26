-- Jobs are what people ask for, runs are what workers do: several jobs may share one run. Roles are configuration now,
-- not a list in the schema. Children are dropped before their parents, so that no reference dangles at any moment.

CREATE TABLE accounts (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL REFERENCES tenants (id),
    name           TEXT NOT NULL UNIQUE,
    -- An Argon2 hash in PHC form; NULL: nobody logs in with a password (invited guests).
    password_hash  TEXT,
    role           TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    UNIQUE (tenant_id, id)
) STRICT;

INSERT INTO accounts (id, tenant_id, name, password_hash, role, created_at)
    SELECT id, tenant_id, name, password_hash, role, created_at FROM users;

CREATE TABLE runs (
    id             TEXT PRIMARY KEY,
    -- Equal for requests that have the same answer.
    content_key    TEXT NOT NULL,
    kind           TEXT NOT NULL,
    request        TEXT NOT NULL,
    -- The job that began it: its folder is where the result is published first.
    tenant_id      TEXT NOT NULL,
    job_id         TEXT NOT NULL,
    priority       INTEGER NOT NULL,
    -- The place in the queue, as a moment; and the moment before which a failed run is not tried again.
    rank_at        INTEGER NOT NULL,
    not_before     INTEGER NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    message        TEXT,
    attempts       INTEGER NOT NULL DEFAULT 0,
    -- Who works on it (a new token with every claim) and until when that is to be believed.
    claim          TEXT,
    claimed_until  INTEGER,
    worker         TEXT,
    created_at     INTEGER NOT NULL,
    started_at     INTEGER,
    finished_at    INTEGER,
    CHECK ((status = 'running') = (claim IS NOT NULL))
) STRICT;

CREATE TABLE jobs_of_runs (
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
    area_km2           REAL CHECK (area_km2 >= 0),
    priority           INTEGER NOT NULL,
    source             TEXT NOT NULL CHECK (source IN ('computed', 'precomputed')),
    -- 1: counts against the quota.
    counted            INTEGER NOT NULL,
    status             TEXT NOT NULL CHECK (status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')),
    stage              TEXT NOT NULL DEFAULT '',
    progress           INTEGER NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    message            TEXT,
    attempts           INTEGER NOT NULL DEFAULT 0,
    -- Grows with every change that can be seen.
    version            INTEGER NOT NULL DEFAULT 1,
    estimated_seconds  REAL,
    estimated_bytes    INTEGER,
    seconds            REAL,
    bytes              INTEGER,
    created_at         INTEGER NOT NULL,
    started_at         INTEGER,
    finished_at        INTEGER,
    -- When the result goes.
    expires_at         INTEGER,
    result_key         TEXT,
    -- A job's user is of the job's tenant.
    FOREIGN KEY (tenant_id, user_id) REFERENCES accounts (tenant_id, id),
    CHECK (result_key IS NULL OR status = 'successful')
) STRICT;

INSERT INTO runs (id, content_key, kind, request, tenant_id, job_id, priority, rank_at, not_before, status, message,
        attempts, claim, claimed_until, created_at, started_at, finished_at)
    SELECT id, id, 'map', json_object('recipe', recipe, 'period', period), tenant_id, id, 1, created_at, 0,
        CASE status WHEN 'accepted' THEN 'waiting' WHEN 'running' THEN 'running' WHEN 'successful' THEN 'done'
            WHEN 'failed' THEN 'failed' ELSE 'cancelled' END,
        message, attempts, claim, claimed_until, created_at, started_at, finished_at
    FROM jobs;

INSERT INTO jobs_of_runs (id, tenant_id, user_id, run_id, kind, request, recipe, period, aoi_geojson, area_km2, priority,
        source, counted, status, stage, progress, message, attempts, created_at, started_at, finished_at, result_key)
    SELECT id, tenant_id, user_id, id, 'map', json_object('recipe', recipe, 'period', period), recipe, period,
        aoi_geojson, area_km2, 1, 'computed', status <> 'failed', status, stage, progress, message, attempts, created_at,
        started_at, finished_at, result_item
    FROM jobs;

DROP TABLE jobs;
DROP TABLE users;
ALTER TABLE jobs_of_runs RENAME TO jobs;
ALTER TABLE accounts RENAME TO users;

CREATE INDEX jobs_of_tenant ON jobs (tenant_id, created_at, id);
CREATE INDEX jobs_alive ON jobs (tenant_id) WHERE status IN ('accepted', 'running');
CREATE INDEX jobs_counted ON jobs (user_id) WHERE counted = 1;
CREATE INDEX jobs_of_run ON jobs (run_id);
CREATE INDEX jobs_expiring ON jobs (expires_at) WHERE result_key IS NOT NULL;
CREATE UNIQUE INDEX runs_alive ON runs (content_key) WHERE status IN ('waiting', 'running');
CREATE INDEX runs_waiting ON runs (rank_at, id) WHERE status = 'waiting';
CREATE INDEX runs_claimed ON runs (claimed_until) WHERE status = 'running';

CREATE TABLE idempotency_keys (
    user_id       TEXT NOT NULL,
    tenant_id     TEXT NOT NULL,
    key           TEXT NOT NULL,
    request_hash  TEXT NOT NULL,
    job_id        TEXT NOT NULL REFERENCES jobs (id),
    created_at    INTEGER NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT;

CREATE TABLE sessions (
    id             TEXT PRIMARY KEY,
    tenant_id      TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES users (id),
    -- SHA-256 of the refresh token that is good now, and of the one before it: whoever shows that one has stolen it.
    refresh_hash   TEXT NOT NULL,
    previous_hash  TEXT,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL,
    revoked_at     INTEGER
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);

CREATE TABLE api_keys (
    id            TEXT PRIMARY KEY,
    tenant_id     TEXT NOT NULL,
    user_id       TEXT NOT NULL REFERENCES users (id),
    name          TEXT NOT NULL,
    secret_hash   TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    last_used_at  INTEGER,
    revoked_at    INTEGER
) STRICT;
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
    seats        INTEGER NOT NULL CHECK (seats > 0),
    used         INTEGER NOT NULL DEFAULT 0,
    -- The guest of an invite with one seat, who may come back with it.
    guest_id     TEXT,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    CHECK (used <= seats)
) STRICT;
