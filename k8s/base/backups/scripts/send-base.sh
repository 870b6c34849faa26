#!/bin/sh
# Sends what take-base.sh took to $BACKUP/postgres/base, and takes away what is older than $KEEP_DAYS days. Nothing is
# taken away before the new one is there.
set -eu
rclone copy "$WORK/base" "$BACKUP/postgres/base" --include '*.tar.gz'
rclone check "$WORK/base" "$BACKUP/postgres/base" --include '*.tar.gz' --one-way
# The first copy may come before the first segment.
rclone mkdir "$BACKUP/postgres/wal"
rclone delete "$BACKUP/postgres/base" --min-age "${KEEP_DAYS}d"
# The log goes a day later: the oldest copy needs the log from its own time on. The histories of timelines stay.
rclone delete "$BACKUP/postgres/wal" --min-age "$((KEEP_DAYS + 1))d" --exclude '*.history*'
kept=$(rclone lsf "$BACKUP/postgres/base")
# In one line.
# shellcheck disable=SC2086
echo "kept:" $kept
