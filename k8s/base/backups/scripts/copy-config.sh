#!/bin/sh
# What runs in the cluster, as the API server tells it, to $BACKUP/config: what people changed by hand is seen by comparing
# two days. Secrets are not among it: their place is with whoever keeps Terraform's state.
set -eu
account=/var/run/secrets/kubernetes.io/serviceaccount
day=$(date -u +%Y-%m-%d)
for namespace in geocrop monitoring gitops; do
  for kind in api/v1:configmaps api/v1:services api/v1:persistentvolumeclaims apis/apps/v1:deployments \
    apis/apps/v1:statefulsets apis/apps/v1:daemonsets apis/batch/v1:cronjobs \
    apis/networking.k8s.io/v1:ingresses apis/networking.k8s.io/v1:networkpolicies; do
    rclone copyurl --ca-cert "$account/ca.crt" --header "Authorization: Bearer $(cat "$account/token")" \
      "https://kubernetes.default.svc/${kind%%:*}/namespaces/$namespace/${kind##*:}" \
      "$BACKUP/config/$day/$namespace/${kind##*:}.json"
  done
done
rclone delete "$BACKUP/config" --min-age "${KEEP_DAYS}d" --rmdirs
