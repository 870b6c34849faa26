#!/bin/sh
# Puts what fetch.sh brought into the empty $PGDATA. The server's next start replays the log up to $TARGET, or to its end,
# and then opens for writing. $WORK/restore must be there until then.
set -eu
restore=$WORK/restore
[ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || { echo "$PGDATA is not empty; move what is in it away first" >&2; exit 1; }
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
tar -C "$PGDATA" -xzf "$restore"/*.tar.gz
# PostgreSQL takes no Z for the time zone here.
moment=$(printf %s "${TARGET:-}" | sed 's/T/ /; s/Z$/+00/')
# The last word counts: what a former restore has written is overruled.
cat >>"$PGDATA/postgresql.auto.conf" <<SETTINGS
restore_command = 'gunzip -c "$restore/wal/%f.gz" >"%p"'
recovery_target_time = '$moment'
recovery_target_action = 'promote'
recovery_target_inclusive = 'on'
SETTINGS
touch "$PGDATA/recovery.signal"
echo "ready to start"
