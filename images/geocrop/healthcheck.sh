#!/bin/bash
# Whether the server in this container answers: GET /healthz on port $1 (8080). For engines without probes; Kubernetes asks itself.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${1:-8080}"
printf 'GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3
read -r -t 5 _ status _ <&3
[ "$status" = 200 ]
