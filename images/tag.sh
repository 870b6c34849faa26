#!/usr/bin/env bash
# The tag of an image: images/tag.sh REF COMMIT. refs/tags/v1.2.3 gives 1.2.3, anything else main-<first twelve of the commit>.
set -euo pipefail
ref=${1:?images/tag.sh REF COMMIT} commit=${2:?images/tag.sh REF COMMIT}
if [[ $ref =~ ^refs/tags/v([0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?)$ ]]; then
  echo "${BASH_REMATCH[1]}"
elif [[ $ref == refs/tags/* ]]; then
  echo "tag.sh: $ref is no version such as v1.2.3" >&2
  exit 1
elif [[ $commit =~ ^[0-9a-f]{40}$ ]]; then
  echo "main-${commit:0:12}"
else
  echo "tag.sh: $commit is no commit" >&2
  exit 1
fi
