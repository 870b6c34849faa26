#!/bin/sh
# Copies the write-ahead log to $WAL while it is written. The slot makes the database keep what was not taken yet.
set -eu
pg_receivewal --slot backup --create-slot --if-not-exists --no-password
exec pg_receivewal --directory "$WAL" --slot backup --compress gzip --no-password
