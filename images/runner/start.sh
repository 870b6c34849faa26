#!/bin/sh
# Tells Gitea of this runner, once, and waits for work. GITEA_INSTANCE_URL, GITEA_RUNNER_REGISTRATION_TOKEN, GITEA_RUNNER_LABELS and
# GITEA_RUNNER_NAME say where and as what.
set -eu
if [ ! -f .runner ]; then
  act_runner register --no-interactive --instance "$GITEA_INSTANCE_URL" --token "$GITEA_RUNNER_REGISTRATION_TOKEN" \
    --labels "$GITEA_RUNNER_LABELS" --name "$GITEA_RUNNER_NAME"
fi
exec act_runner daemon
