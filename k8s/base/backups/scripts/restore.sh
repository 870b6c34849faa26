#!/bin/sh
# Puts what fetch.sh brought into the empty $PGDATA, and empties $WAL. The server's next start replays the log up to $TARGET, or to its end,
# and then opens for writing. $WORK/restore must be there until then.
set -eu
restore=$WORK/restore
# The server may see the folder elsewhere than this script does.
seen=${SEEN_AS:-$WORK}/restore
[ -z "$(ls -A "$PGDATA" 2>/dev/null)" ] || { echo "$PGDATA is not empty; move what is in it away first" >&2; exit 1; }
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
tar -C "$PGDATA" -xzf "$restore"/*.tar.gz
# PostgreSQL takes no Z for the time zone here.
moment=$(printf %s "${TARGET:-}" | sed 's/T/ /; s/Z$/+00/')
# The last word counts: what a former restore has written is overruled.
cat >>"$PGDATA/postgresql.auto.conf" <<SETTINGS
restore_command = 'gunzip -c "$seen/wal/%f.gz" >"%p"'
recovery_target_time = '$moment'
recovery_target_action = 'promote'
recovery_target_inclusive = 'on'
SETTINGS
touch "$PGDATA/recovery.signal"
# What the receiver has of the log is of the time that is undone; it begins anew with the server.
[ -z "${WAL:-}" ] || rm -f "$WAL"/*.gz "$WAL"/*.partial "$WAL"/*.history
echo "ready to start"
