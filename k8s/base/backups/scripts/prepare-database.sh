#!/usr/bin/env bash
# What the database must have for backups and for the exporter, once. The image runs it on an empty volume, as the
# superuser; on a volume with data it is run by hand (docs/operations/backups.md).
# Doing it again changes the passwords and nothing else.
# The image does not run this file but reads it into its own shell: what is set here must stay here.
(
set -euo pipefail
psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d postgres <<'SQL'
\getenv backup_password BACKUP_PASSWORD
\getenv monitor_password MONITOR_PASSWORD
SELECT 'CREATE ROLE backup' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'backup') \gexec
SELECT 'CREATE ROLE monitor' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'monitor') \gexec
ALTER ROLE backup LOGIN REPLICATION PASSWORD :'backup_password';
ALTER ROLE monitor LOGIN PASSWORD :'monitor_password';
GRANT pg_monitor TO monitor;
-- A segment of the log is closed, and can be sent away, after this at the latest.
ALTER SYSTEM SET archive_timeout = '5min';
SQL
# 'all' databases do not include replication.
rule='host replication backup all scram-sha-256'
grep -qxF "$rule" "$PGDATA/pg_hba.conf" || echo "$rule" >>"$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 --no-psqlrc -q -U "$POSTGRES_USER" -d postgres -c 'SELECT pg_reload_conf()' >/dev/null
)
