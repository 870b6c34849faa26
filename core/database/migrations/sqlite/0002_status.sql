-- What the server found when it looked at its own parts. Times are milliseconds since 1970 in UTC, days are of UTC.

-- Where each part stands, and since when without a break in the checks.
CREATE TABLE part_states (
    part        TEXT PRIMARY KEY,
    state       TEXT NOT NULL CHECK (state IN ('up', 'degraded', 'down')),
    detail      TEXT NOT NULL,
    since       INTEGER NOT NULL,
    checked_at  INTEGER NOT NULL
) STRICT;

-- How the checks of a day came out. A day without a row is a day without checks: unknown, neither up nor down.
CREATE TABLE part_days (
    day       TEXT NOT NULL,
    part      TEXT NOT NULL,
    up        INTEGER NOT NULL DEFAULT 0,
    degraded  INTEGER NOT NULL DEFAULT 0,
    down      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (day, part)
) STRICT, WITHOUT ROWID;
