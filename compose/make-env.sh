#!/usr/bin/env bash
# Makes the passwords that docker-compose.yml wants, once, into .env beside it: readable for you alone, in no repository.
set -euo pipefail
file=$(dirname "${BASH_SOURCE[0]}")/../.env
[ ! -e "$file" ] || { echo "make-env.sh: .env is there already; a new password would lock you out of what is there" >&2; exit 1; }
umask 077
hex() { od -An -tx1 -N"$1" /dev/urandom | tr -d ' \n'; }
for name in POSTGRES_PASSWORD GEOCROP_PASSWORD GEOCROP_OWNER_PASSWORD MLFLOW_PASSWORD VALKEY_PASSWORD GRAFANA_PASSWORD; do
  echo "$name=$(hex 16)"
done >"$file"
{
  # Garage knows its keys by this form.
  echo "AWS_ACCESS_KEY_ID=GK$(hex 12)"
  echo "AWS_SECRET_ACCESS_KEY=$(hex 32)"
  echo "GARAGE_RPC_SECRET=$(hex 32)"
  echo "GARAGE_ADMIN_TOKEN=$(hex 32)"
} >>"$file"
