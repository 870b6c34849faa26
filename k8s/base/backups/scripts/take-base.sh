#!/bin/sh
# A copy of the whole cluster of databases in $WORK/base, checked against its manifest. Where: PGHOST, PGPORT, PGUSER,
# PGPASSWORD.
set -eu
base=$WORK/base
rm -rf "$base"
mkdir -p "$base"
# With the log that was written meanwhile: it can be restored without the archive, too.
pg_basebackup --pgdata "$base/copy" --format plain --wal-method stream --checkpoint fast \
  --manifest-checksums SHA256 --no-password
pg_verifybackup --quiet "$base/copy"
# The name is when it ended: from this moment on it can be restored.
name=$(date -u +%Y%m%dT%H%M%SZ)
tar -C "$base/copy" -czf "$base/$name.tar.gz" .
rm -rf "$base/copy"
echo "took $name"
