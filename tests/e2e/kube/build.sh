#!/bin/bash
# Builds Kubernetes 1.20.2 (apiserver, controller manager, scheduler, kubelet, proxy) and takes etcd 3.4 from Debian bookworm.
# (As root one may simply `apt-get install golang-1.19-go etcd-server`; here nothing outside WORKDIR is written.)
set -euo pipefail
W=$1; O=$2; mkdir -p $W/{etc/sources.list.d,etc/apt.conf.d,etc/preferences.d,lists/partial,cache/archives/partial,debs,root} $O
t0=$SECONDS; lap(){ echo "[$((SECONDS-t0)) s] $*"; }
# the machine's own Debian mirror, with sources
mirror=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -m1 '/debian/*$' || awk '$1=="deb"{for(i=2;i<=NF;i++) if($i ~ /^http.*\/debian\/*$/){print $i; exit}}' /etc/apt/sources.list)
for t in deb deb-src; do echo "$t [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main"; done >$W/etc/sources.list
printf 'Dir::Etc "%s/etc";\nDir::State::lists "%s/lists";\nDir::Cache "%s/cache";\nAPT::Sandbox::User "root";\n' $W $W $W >$W/apt.conf
cp /etc/apt/apt.conf.d/* $W/etc/apt.conf.d/ 2>/dev/null || true
export APT_CONFIG=$W/apt.conf
apt-get update -qq
cd $W/debs; apt-get download -q golang-1.19-go golang-1.19-src etcd-server etcd-client conntrack golang-github-modern-go-reflect2-dev >/dev/null
for d in *.deb; do dpkg -x $d $W/root; done
cd $W; apt-get source -q --download-only kubernetes >/dev/null; mkdir -p $W/gopath/src/k8s.io; dpkg-source -x kubernetes_*.dsc $W/gopath/src/k8s.io/kubernetes >/dev/null
lap "fetched and unpacked"
cd $W/gopath/src/k8s.io/kubernetes
# 1. reflect2 1.0.1 in vendor/ crashes the apiserver under Go >= 1.18 (modern-go/reflect2#26): take Debian's 1.0.2
rm -rf vendor/github.com/modern-go/reflect2; cp -a $W/root/usr/share/gocode/src/github.com/modern-go/reflect2 vendor/github.com/modern-go/; rm -f vendor/github.com/modern-go/reflect2/*_test.go
# 2. without CAP_SYS_RESOURCE a negative oom_score_adj cannot be written, and no pod sandbox would start
sed -i 's/defaultSandboxOOMAdj int = -998/defaultSandboxOOMAdj int = 0/' pkg/kubelet/dockershim/docker_sandbox.go
sed -i 's/^\(\t*\)return guaranteedOOMScoreAdj$/\1return 0/; s/KubeletOOMScoreAdj int = -999/KubeletOOMScoreAdj int = 0/; s/KubeProxyOOMScoreAdj  int = -999/KubeProxyOOMScoreAdj  int = 0/' pkg/kubelet/qos/policy.go
export GOROOT=$W/root/usr/lib/go-1.19 GOPATH=$W/gopath GOCACHE=${GOCACHE:-$W/gocache} GO111MODULE=off GOFLAGS= CGO_ENABLED=0 GOPROXY=off; export PATH=$GOROOT/bin:$PATH
# 3. pkg/generated/openapi is made at build time (not in the tarball): run the vendored generator
go build -o $W/openapi-gen ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
dirs=$( (cd vendor && for d in k8s.io/*/; do case $d in k8s.io/code-generator/|k8s.io/sample-apiserver/|k8s.io/kube-openapi/) continue;; esac; grep -rl --include=*.go '+k8s:openapi-gen=' $d 2>/dev/null || true; done | sed 's#^#vendor/#'; grep -rl --include=*.go '+k8s:openapi-gen=' ../pkg 2>/dev/null || true) | xargs -n1 dirname | LC_ALL=C sort -u | sed 's#//*#/#g; s#^#k8s.io/kubernetes/#' | paste -sd,)
dirs="$dirs,k8s.io/kubernetes/pkg/apis/abac/v0,k8s.io/kubernetes/pkg/apis/abac/v1beta1"
$W/openapi-gen --logtostderr -i "$dirs" -p k8s.io/kubernetes/pkg/generated/openapi -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r $W/violations.report 2>/dev/null
diff -q <(sort $W/violations.report) <(sort api/api-rules/violation_exceptions.list)
lap "openapi generated"
LD="-s -w"; for p in component-base/version client-go/pkg/version; do p=k8s.io/kubernetes/vendor/k8s.io/$p; LD="$LD -X $p.gitMajor=1 -X $p.gitMinor=20 -X $p.gitVersion=v1.20.2 -X $p.gitTreeState=archive"; done
TIMEFORMAT="go build: real=%R user=%U sys=%S"
time go build -trimpath -tags providerless -ldflags "$LD" -o $O/ ./cmd/kube-apiserver ./cmd/kube-controller-manager ./cmd/kube-scheduler ./cmd/kubelet ./cmd/kube-proxy
cp $W/root/usr/bin/etcd $W/root/usr/bin/etcdctl $W/root/usr/sbin/conntrack $O/
lap "done"; ls -la $O
