#!/bin/sh
# Repositories, database, packages and attachments of Gitea in one archive in $WORK/gitea. SQLite is copied in a
# transaction; a push in the same second may be in the one and not in the other.
set -eu
mkdir -p "$WORK/gitea"
gitea dump --config /etc/gitea/app.ini --tempdir "$WORK" --skip-log --skip-index --type tar.gz \
  --file "$WORK/gitea/$(date -u +%Y%m%dT%H%M%SZ).tar.gz"
