#!/usr/bin/env bash
# Stops what up.sh started, by process id, and removes its containers, iptables chains and mounts.
#
#   down.sh [--wipe]     --wipe also forgets the cluster's state (the binaries stay)
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"
R=$RUN
[ -d "$R" ] || exit 0

for name in proxy kubelet scheduler kcm apiserver etcd; do
  pid=$(cat "$R/pid/$name" 2>/dev/null) || continue
  # A process id may have gone to somebody else since.
  if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$BIN/"; then
    kill "$pid" 2>/dev/null
    for _ in $(seq 50); do [ -d "/proc/$pid" ] || break; sleep 0.1; done
    [ -d "/proc/$pid" ] && kill -9 "$pid"
  fi
  rm -f "$R/pid/$name"
done
if docker info >/dev/null 2>&1; then
  mapfile -t pods < <(docker ps -aq --filter label=io.kubernetes.pod.namespace)
  [ "${#pods[@]}" -eq 0 ] || docker rm -f "${pods[@]}" >/dev/null
fi
[ -x "$BIN/kube-proxy" ] && PATH=$BIN:$PATH "$BIN/kube-proxy" --cleanup >/dev/null 2>&1
for table in nat filter mangle; do
  iptables-save -t "$table" 2>/dev/null | grep -E '^-A .*KUBE-' | sed 's/^-A/-D/' | while read -r rule; do
    eval iptables -t "$table" "$rule" 2>/dev/null # the rules are quoted for a shell
  done
  chains=$(iptables-save -t "$table" 2>/dev/null | sed -n 's/^:\(KUBE-[A-Z0-9-]*\).*/\1/p')
  for chain in $chains; do iptables -t "$table" -F "$chain"; done
  for chain in $chains; do iptables -t "$table" -X "$chain"; done
done 2>/dev/null
if [ -f "$R/sysctl.before" ]; then
  while read -r name value; do echo "$value" >"/proc/sys/$name"; done <"$R/sysctl.before"
  rm -f "$R/sysctl.before"
fi
awk -v below="$R/kubelet/" 'index($5, below) == 1 {print $5}' /proc/self/mountinfo | sort -r | xargs -r -n1 umount
mountpoint -q "$R/kubelet" && umount "$R/kubelet"
for group in /sys/fs/cgroup/*/kubepods; do find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null; done
[ "${1:-}" = --wipe ] && rm -rf "$R"
exit 0
