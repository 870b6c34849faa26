#!/bin/sh
# Makes $BACKUP/store the same as $STORE. What was changed or deleted is kept for $KEEP_DAYS days under
# $BACKUP/store-before, by the day on which it went.
set -eu
day=$(date -u +%Y-%m-%d)
before=$BACKUP/store-before/$day
# Files before documents: an item is there only when its files are. What expires by itself is no loss.
rclone copy "$STORE" "$BACKUP/store" --backup-dir "$before" --exclude '*.json' --exclude '/jobs/**'
rclone sync "$STORE" "$BACKUP/store" --backup-dir "$before" --exclude '/jobs/**'
oldest=$(date -u -d "@$(($(date +%s) - KEEP_DAYS * 86400))" +%Y-%m-%d)
for each in $(rclone lsf "$BACKUP/store-before" --dirs-only 2>/dev/null); do
  each=${each%/}
  if [ "$(printf '%s\n%s\n' "$each" "$oldest" | sort | head -n 1)" = "$each" ] && [ "$each" != "$oldest" ]; then
    rclone purge "$BACKUP/store-before/$each"
    echo "took $each away"
  fi
done
