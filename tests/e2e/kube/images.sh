#!/usr/bin/env bash
# Makes the images of a node without a registry, unless they are there: k8slocal/pause:1, k8slocal/busybox:1 and :2.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/places.sh"

have() { docker image inspect "$1" >/dev/null 2>&1; }
have k8slocal/pause:1 && have k8slocal/busybox:1 && have k8slocal/busybox:2 && exit 0
need gcc gcc
need busybox busybox-static
busybox=$(command -v busybox)
said=$(ldd "$busybox" 2>&1) || true
[[ $said == *"not a dynamic"* || $said == *statically* ]] || die "busybox is not static: apt-get install busybox-static"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p pause box/{bin,tmp,etc,root,proc,sys,dev}
cat >pause.c <<'C'
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
static void leave(int s) { exit(0); }
static void reap(int s) { while (waitpid(-1, 0, WNOHANG) > 0); }
int main(void) { signal(SIGINT, leave); signal(SIGTERM, leave); signal(SIGCHLD, reap); for (;;) pause(); }
C
gcc -Os -static -s -o pause/pause pause.c
tar -C pause -c . | docker import -c 'ENTRYPOINT ["/pause"]' - k8slocal/pause:1 >/dev/null

cp "$busybox" box/bin/busybox
for applet in $(box/bin/busybox --list); do [ "$applet" = busybox ] || ln -sf busybox "box/bin/$applet"; done
echo 'root:x:0:0:root:/root:/bin/sh' >box/etc/passwd
chmod 1777 box/tmp
tar -C box -c . | docker import -c 'ENV PATH=/bin' -c 'CMD ["sh"]' - k8slocal/busybox:1 >/dev/null
docker tag k8slocal/busybox:1 k8slocal/busybox:2
