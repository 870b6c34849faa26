#!/usr/bin/env bash
# Runs once, on an empty volume: the logins and databases that the parts need. The image sources this file as the superuser;
# passwords come from the environment and are quoted by psql.
# What the login of the program may do comes with its migrations, which run as geocrop_owner.
psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d postgres <<'SQL'
\getenv owner_password GEOCROP_OWNER_PASSWORD
\getenv password GEOCROP_PASSWORD
\getenv mlflow_password MLFLOW_PASSWORD
CREATE ROLE geocrop_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE geocrop LOGIN NOINHERIT PASSWORD :'password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE DATABASE geocrop OWNER geocrop_owner;
CREATE DATABASE mlflow OWNER mlflow;
REVOKE CONNECT ON DATABASE geocrop FROM PUBLIC;
GRANT CONNECT ON DATABASE geocrop TO geocrop;
REVOKE CONNECT ON DATABASE mlflow FROM PUBLIC;
SQL
# Not a trusted extension: a superuser makes it, once.
psql -v ON_ERROR_STOP=1 --no-psqlrc -U "$POSTGRES_USER" -d geocrop -c 'CREATE EXTENSION IF NOT EXISTS postgis'
