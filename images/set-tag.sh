#!/usr/bin/env bash
# Says which image runs: images/set-tag.sh TAG [FILE]. Every overlay reads it from components/release.
set -euo pipefail
tag=${1:?images/set-tag.sh TAG [FILE]}
file=${2:-$(dirname "${BASH_SOURCE[0]}")/../k8s/components/release/kustomization.yaml}
[[ $tag =~ ^[0-9A-Za-z][0-9A-Za-z._-]{0,127}$ && $tag != latest ]] || { echo "set-tag.sh: '$tag' is no tag" >&2; exit 1; }
[ "$(grep -c '^  newTag: ' "$file")" = 1 ] || { echo "set-tag.sh: $file has not one newTag" >&2; exit 1; }
sed -i "s|^  newTag: .*|  newTag: $tag|" "$file"
