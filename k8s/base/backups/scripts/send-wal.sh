#!/bin/sh
# Moves closed segments of the log from $WAL to $BACKUP/postgres/wal, each minute; with ONCE=1 only now. A segment leaves
# the disk when it has arrived.
set -eu
while :; do
  if rclone move "$WAL" "$BACKUP/postgres/wal" --exclude '*.partial' --exclude '*.tmp' --exclude '/.sent' --exclude 'lost+found/**'; then
    # The probe looks how old this is.
    touch "$WAL/.sent"
    [ "${ONCE:-}" != 1 ] || exit 0
  else
    # One failure is the network's; the files stay until the next time.
    [ "${ONCE:-}" != 1 ] || exit 1
  fi
  sleep 60
done
