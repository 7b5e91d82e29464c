# Where the real cluster's binaries and state are kept: outside the clone. Read by the scripts beside this one.
#
#   OPSTWIN_KUBE_CACHE   a folder that outlives runs   (default: $XDG_CACHE_HOME/opstwin/kube, ~/.cache/opstwin/kube)
#   OPSTWIN_KUBE_BIN     the binaries                  (default: bin-<version> in the cache)
#   OPSTWIN_KUBE_RUN     the state of the one cluster  (default: run in the cache)
KUBE_VERSION=1.20.2
CACHE=${OPSTWIN_KUBE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/opstwin/kube}
BIN=${OPSTWIN_KUBE_BIN:-$CACHE/bin-$KUBE_VERSION}
RUN=${OPSTWIN_KUBE_RUN:-$CACHE/run}
PATH=$PATH:/usr/sbin:/sbin

say() { printf 'kube: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null || die "$1 is missing: apt-get install $2"
}
