#!/bin/sh
# A snapshot of Valkey in $WORK/valkey. The truth is in the database; this saves the caches and counters a cold start.
set -eu
mkdir -p "$WORK/valkey"
valkey-cli -h "$VALKEY_HOST" -p 6379 --rdb "$WORK/valkey/$(date -u +%Y%m%dT%H%M%SZ).rdb"
