#!/usr/bin/env bash
# Starts a real Kubernetes 1.20.2 with one node on this machine, unless it runs: etcd 3.4, kube-apiserver,
# kube-controller-manager, kube-scheduler, kubelet (dockershim, on the Docker Engine of the machine) and kube-proxy.
#
#   up.sh        builds the binaries first when the cache has none (about 5 minutes, once); then 16 s cold, 7 s warm
#
# It prints the path of a kubeconfig with all rights. Needs root, a Docker Engine, kubectl, openssl, iproute2, iptables.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/places.sh"

R=$RUN
API=https://127.0.0.1:16443
SERVICES=10.96.0.0/16
PORTS=(12379 12380 16443 10250 10248 10249 10256 10259)
KC=(kubectl "--kubeconfig=$R/admin.kubeconfig")
export PATH=$BIN:$PATH

answers() { [ -f "$R/admin.kubeconfig" ] && "${KC[@]}" --request-timeout=5s get --raw=/readyz >/dev/null 2>&1; }
# What an earlier kubelet said stays there until the new one speaks, and the taint goes a moment after the condition.
node_takes_pods() {
  local seen ready='{range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}'
  seen=$("${KC[@]}" get node "$(hostname)" -o "jsonpath=$ready {.spec.taints[*].key}" 2>/dev/null) || return 1
  [[ $seen == "True "* && $seen != *node.kubernetes.io/* && ${seen:5:20} > $kubelet_began ]]
}
alive() { local pid; pid=$(cat "$R/pid/$1" 2>/dev/null) && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$BIN/"; }
"$here/running.sh" && exit 0
# One that somebody uses may be too busy to answer at once: it is not taken from them.
for _ in $(seq 10); do
  alive apiserver && alive kubelet || break
  sleep 1
  "$here/running.sh" && exit 0
done

[ "$(id -u)" -eq 0 ] || die "the kubelet needs root: run it as root, or name a cluster in OPSTWIN_TEST_KUBECONFIG"
docker info >/dev/null 2>&1 || die "no Docker Engine answers: apt-get install docker.io && dockerd"
need kubectl kubernetes-client; need openssl openssl; need ip iproute2; need iptables iptables; need curl curl
if [ ! -x "$BIN/kubelet" ]; then
  need gcc gcc; need dpkg-source dpkg-dev; need iptables iptables
  say "building Kubernetes $KUBE_VERSION into $BIN, once; this takes about 5 minutes"
  rm -rf "$CACHE/build" "$BIN.unfinished"
  "$here/build.sh" "$CACHE/build" "$BIN.unfinished" >&2
  mv "$BIN.unfinished" "$BIN"
  rm -rf "$CACHE/build"
fi
"$here/images.sh"
NODE_IP=$(ip -4 -o addr show docker0 | awk '{split($4, a, "/"); print a[1]}')
[ -n "$NODE_IP" ] || die "the Docker Engine has no bridge docker0, which the node's address is taken from"

"$here/down.sh" # what is left of one that died
# A stranger on one of our ports would answer for us (and take our writes).
for port in "${PORTS[@]}"; do
  if ss -ltnH "sport = :$port" | grep -q .; then die "port $port is taken"; fi
done
mkdir -p "$R"/{pki,log,pid,etcd,kubelet,varlog,dockershim}
cd "$R"

start() { # start NAME PROGRAM ARGUMENT...
  local name=$1
  shift
  setsid nohup "$@" >>"$R/log/$name.log" 2>&1 </dev/null &
  echo $! >"$R/pid/$name"
}
wait_for() { # wait_for WHAT SECONDS COMMAND...
  local what=$1 tries=$(($2 * 10)) file
  shift 2
  for ((i = 0; i < tries; i++)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    for file in "$R"/pid/*; do
      kill -0 "$(cat "$file")" 2>/dev/null || die "$(basename "$file") died: see $R/log/$(basename "$file").log"
    done
    sleep 0.1
  done
  die "$what did not come in time: see $R/log"
}

cert() { # cert NAME SUBJECT ALTERNATIVE_NAMES USAGE
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "pki/$1.key" -out "pki/$1.csr" \
    -subj "$2" 2>/dev/null
  printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$3" "$4" >"pki/$1.ext"
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -out "pki/$1.crt" -days 30 \
    -extfile "pki/$1.ext" 2>/dev/null
}
account() { # account FILE NAME GROUP: a token and a kubeconfig with it
  local token
  token=$(openssl rand -hex 16)
  echo "$token,$2,$2,\"$3\"" >>pki/tokens.csv
  cat >"$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: k, cluster: {server: "$API", certificate-authority: $R/pki/ca.crt}}]
users: [{name: u, user: {token: $token}}]
contexts: [{name: c, context: {cluster: k, user: u}}]
current-context: c
YAML
}
make_identities() {
  local node
  node=$(hostname)
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout pki/ca.key -out pki/ca.crt \
    -days 30 -subj /CN=k8s-ca -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature 2>/dev/null
  cert apiserver /CN=kube-apiserver \
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1,IP:$NODE_IP" \
    serverAuth,clientAuth
  cert kubelet-client /O=system:masters/CN=apiserver-kubelet-client DNS:x clientAuth
  cert kubelet "/O=system:nodes/CN=system:node:$node" "DNS:$node,IP:127.0.0.1,IP:$NODE_IP" serverAuth,clientAuth
  cert front-proxy /CN=front-proxy DNS:x clientAuth
  openssl genrsa -out pki/sa.key 2048 2>/dev/null
  openssl rsa -in pki/sa.key -pubout -out pki/sa.pub 2>/dev/null
  : >pki/tokens.csv
  account admin admin system:masters
  account controller-manager system:kube-controller-manager ""
  account scheduler system:kube-scheduler ""
  account proxy system:kube-proxy ""
  account kubelet "system:node:$node" system:nodes
  chmod 600 pki/tokens.csv ./*.kubeconfig
  touch pki/made
}
# Certificates hold for 30 days; they are made anew well before.
if [ ! -f pki/made ] || [ -n "$(find pki/made -mtime +20)" ]; then make_identities; fi

start etcd "$BIN/etcd" --data-dir "$R/etcd" --log-level warn \
  --listen-client-urls http://127.0.0.1:12379 --advertise-client-urls http://127.0.0.1:12379 \
  --listen-peer-urls http://127.0.0.1:12380 --initial-advertise-peer-urls http://127.0.0.1:12380 \
  --initial-cluster default=http://127.0.0.1:12380
wait_for "etcd" 30 curl -fs http://127.0.0.1:12379/health

start apiserver "$BIN/kube-apiserver" --etcd-servers=http://127.0.0.1:12379 --bind-address=127.0.0.1 \
  --secure-port=16443 --insecure-port=0 --advertise-address="$NODE_IP" --service-cluster-ip-range="$SERVICES" \
  --allow-privileged=true --tls-cert-file=pki/apiserver.crt --tls-private-key-file=pki/apiserver.key \
  --client-ca-file=pki/ca.crt --token-auth-file=pki/tokens.csv \
  --kubelet-client-certificate=pki/kubelet-client.crt --kubelet-client-key=pki/kubelet-client.key \
  --kubelet-certificate-authority=pki/ca.crt --kubelet-preferred-address-types=InternalIP \
  --service-account-key-file=pki/sa.pub --service-account-signing-key-file=pki/sa.key \
  --service-account-issuer=https://kubernetes.default.svc \
  --requestheader-client-ca-file=pki/ca.crt --requestheader-allowed-names=front-proxy \
  --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
  --requestheader-extra-headers-prefix=X-Remote-Extra- \
  --proxy-client-cert-file=pki/front-proxy.crt --proxy-client-key-file=pki/front-proxy.key \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --profiling=false \
  --feature-gates=EphemeralContainers=true --runtime-config=api/all=true
wait_for "the API server" 90 answers

start kcm "$BIN/kube-controller-manager" --kubeconfig=controller-manager.kubeconfig --leader-elect=false \
  --bind-address=127.0.0.1 --port=0 --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt \
  --cluster-signing-cert-file=pki/ca.crt --cluster-signing-key-file=pki/ca.key \
  --use-service-account-credentials=true --service-cluster-ip-range="$SERVICES" \
  --flex-volume-plugin-dir="$R/kubelet-plugins"
start scheduler "$BIN/kube-scheduler" --kubeconfig=scheduler.kubeconfig --leader-elect=false \
  --bind-address=127.0.0.1 --port=0
has_account() { "${KC[@]}" get sa default -o 'jsonpath={.secrets[0].name}' | grep -q .; }
wait_for "the default service account" 60 has_account

# The kubelet sets these.
for f in vm/overcommit_memory kernel/panic kernel/panic_on_oops; do echo "$f $(cat "/proc/sys/$f")"; done >"$R/sysctl.before"
cat >kubelet.yaml <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: 10250
readOnlyPort: 0
volumePluginDir: $R/kubelet-plugins
healthzBindAddress: 127.0.0.1
healthzPort: 10248
cgroupDriver: cgroupfs
failSwapOn: false
tlsCertFile: $R/pki/kubelet.crt
tlsPrivateKeyFile: $R/pki/kubelet.key
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $R/pki/ca.crt}}
authorization: {mode: Webhook}
imageGCHighThresholdPercent: 100
evictionHard: {memory.available: 200Mi, nodefs.available: 2%, imagefs.available: 2%}
nodeStatusUpdateFrequency: 5s
syncFrequency: 5s
featureGates: {EphemeralContainers: true, DevicePlugins: false}
YAML
# A private /var/log for the kubelet, so that nothing is written outside its folder; its volumes stay visible to dockerd.
mountpoint -q "$R/kubelet" || { mount --bind "$R/kubelet" "$R/kubelet" && mount --make-shared "$R/kubelet"; }
kubelet_began=$(date -u +%Y-%m-%dT%H:%M:%SZ)
start kubelet unshare -m --propagation unchanged sh -c '
  mount --make-private / 2>/dev/null
  mount --bind "$0/varlog" /var/log && exec "$@"' "$R" \
  "$BIN/kubelet" --config="$R/kubelet.yaml" --kubeconfig="$R/kubelet.kubeconfig" --root-dir="$R/kubelet" \
  --cert-dir="$R/kubelet/pki" --container-runtime=docker --network-plugin= \
  --pod-infra-container-image=k8slocal/pause:1 --node-ip="$NODE_IP" \
  --experimental-dockershim-root-directory="$R/dockershim" \
  --container-runtime-endpoint="unix://$R/dockershim.sock" --image-service-endpoint="unix://$R/dockershim.sock" \
  --image-pull-progress-deadline=10s
wait_for "the node" 90 node_takes_pods
start proxy "$BIN/kube-proxy" --kubeconfig=proxy.kubeconfig --proxy-mode=iptables --bind-address=127.0.0.1 \
  --healthz-bind-address=127.0.0.1:10256 --metrics-bind-address=127.0.0.1:10249 \
  --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0s --conntrack-tcp-timeout-close-wait=0s \
  --hostname-override="$(hostname)"
wait_for "kube-proxy" 30 curl -fs http://127.0.0.1:10256/healthz
echo "$R/admin.kubeconfig"
