#!/bin/sh
# Sends the files of $WORK/$1 to $BACKUP/$1 and takes away there what is older than $KEEP_DAYS days.
set -eu
[ -n "$(ls -A "$WORK/$1")" ] || { echo "$WORK/$1 is empty" >&2; exit 1; }
rclone copy "$WORK/$1" "$BACKUP/$1"
rclone check "$WORK/$1" "$BACKUP/$1" --one-way
rclone delete "$BACKUP/$1" --min-age "${KEEP_DAYS}d"
