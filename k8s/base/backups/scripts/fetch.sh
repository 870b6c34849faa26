#!/bin/sh
# Brings the newest copy that is not younger than $TARGET, and the log, to $WORK/restore. TARGET is a moment such as
# 2026-11-22T13:30:00Z; empty means all there is.
set -eu
restore=$WORK/restore
rm -rf "$restore"
mkdir -p "$restore/wal"
wanted=$(printf %s "${TARGET:-99991231T235959Z}" | tr -d ':-')
names=$(rclone lsf "$BACKUP/postgres/base" --include '*.tar.gz')
base=
for name in $(echo "$names" | sort); do
  # As texts: both are of the same form.
  first=$(printf '%s\n%s\n' "${name%.tar.gz}" "$wanted" | sort | head -n 1)
  [ "$first" != "${name%.tar.gz}" ] || base=$name
done
[ -n "$base" ] || { echo "no copy is as old as ${TARGET:-now}" >&2; exit 1; }
echo "copy: $base"
rclone copy "$BACKUP/postgres/base/$base" "$restore"
rclone copy "$BACKUP/postgres/wal" "$restore/wal"
