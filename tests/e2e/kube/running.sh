#!/usr/bin/env bash
# Whether the cluster of up.sh answers; prints the path of its kubeconfig when it does.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
config=$RUN/admin.kubeconfig
[ -f "$config" ] || exit 1
kubectl --kubeconfig "$config" --request-timeout=5s get --raw=/readyz >/dev/null 2>&1 || exit 1
kubectl --kubeconfig "$config" get nodes \
  -o 'jsonpath={.items[0].status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -q True || exit 1
echo "$config"
