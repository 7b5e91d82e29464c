"""For every rule: what breaks it, and what comes close and does not. Changes are made to the set in `goods.py`."""

from typing import Any, Final

from tests.unit.manifests.checks.goods import GONE, POD, WEB

Change = tuple[str, Any]
HPA: Final = "HorizontalPodAutoscaler"
PDB: Final = "PodDisruptionBudget"
CONTEXT: Final = f"{WEB}.securityContext"

VOLUME: Final = f"{POD}.volumes.3"
MOUNT: Final = f"{WEB}.volumeMounts.3"


def volume(source: dict[str, Any]) -> list[Change]:
    """A fourth volume, mounted."""
    return [(VOLUME, {"name": "more", **source}), (MOUNT, {"name": "more", "mountPath": "/more"})]


# rule -> (changes that break it, changes that do not)
SCHEMA: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "schema/no-kind": ([("Service.apiVersion", GONE)], []),
    "schema/unknown-kind": ([("Service.kind", "Servize")], []),
    "schema/removed-api": ([("PodDisruptionBudget.apiVersion", "policy/v1beta1")], []),
    "schema/unknown-field": ([("Deployment.spec.replica", 3)], [("Deployment.spec.paused", True)]),
    "schema/wrong-type": ([(f"{WEB}.env.0.value", 8080)], [(f"{WEB}.env.0.value", "8080")]),
    "schema/missing": ([(f"{WEB}.name", GONE)], [("Deployment.spec.replicas", GONE)]),
    "schema/not-allowed": ([(f"{WEB}.imagePullPolicy", "Sometimes")], [(f"{WEB}.imagePullPolicy", "Never")]),
}

NAMES: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "names/name": ([("ServiceAccount.metadata.name", "Web_1")], []),
    "names/no-name": ([("Ingress.metadata.name", GONE)],
                      [("Ingress.metadata.name", GONE), ("Ingress.metadata.generateName", "web-")]),
    "names/field": ([(f"{WEB}.name", "Web")], [(f"{WEB}.name", "web-2")]),
    "names/label": ([("Service.metadata.labels", {"app": "a b"})], [("Service.metadata.labels", {"a.b/app": "A_b"})]),
    "names/annotation": ([("Service.metadata.annotations", {"a b": "x"})],
                         [("Service.metadata.annotations", {"a.b/c": "any thing"})]),
    "names/element-twice": ([(f"{WEB}.ports.1", {"name": "http", "containerPort": 81})],
                            [(f"{WEB}.ports.1", {"name": "more", "containerPort": 81})]),
}  # fmt: skip

VALUES: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "values/quantity": ([(f"{WEB}.resources.requests.cpu", "lots")], [(f"{WEB}.resources.requests.cpu", "0.25")]),
    "values/odd-amount": ([(f"{WEB}.resources.requests.memory", "128m")],
                          [(f"{WEB}.resources.requests.memory", "100M")]),
    "values/request-above-limit": ([(f"{WEB}.resources.requests.memory", "1Gi")],
                                   [(f"{WEB}.resources.requests.memory", "256Mi")]),
    "values/replicas": ([("Deployment.spec.replicas", 10**9)], [("Deployment.spec.replicas", 0)]),
    "values/many-replicas": ([("Deployment.spec.replicas", 5_000)], [("Deployment.spec.replicas", 1_000)]),
    "values/min-above-max": ([(f"{HPA}.spec.minReplicas", 11)], [(f"{HPA}.spec.minReplicas", 10)]),
    "values/no-progress": ([("Deployment.spec.strategy.rollingUpdate.maxSurge", 0)],
                           [("Deployment.spec.strategy.rollingUpdate.maxSurge", 1)]),
    "values/port": ([(f"{WEB}.ports.0.containerPort", 70_000), (f"{WEB}.livenessProbe.httpGet.port", 70_000)],
                    [(f"{WEB}.ports.0.containerPort", 65_535)]),
    "values/probe": ([(f"{WEB}.livenessProbe.httpGet.port", "nope")], [(f"{WEB}.livenessProbe.httpGet.port", "http")]),
    "values/schedule": ([("CronJob.spec.schedule", "* * * *")], [("CronJob.spec.schedule", "@daily")]),
    "values/image": ([(f"{WEB}.image", "Web:1 2")], [(f"{WEB}.image", "localhost:5000/web:1")]),
    "values/floating-image": ([(f"{WEB}.image", "nginx:latest")], [(f"{WEB}.image", "nginx:1.27")]),
    "values/one-of": ([(f"{WEB}.env.1.value", "x")], [(f"{WEB}.env.1.value", "")]),
    "values/image-id": ([(f"{WEB}.image", "sha256:" + "a" * 64)], [(f"{WEB}.image", "web@sha256:" + "a" * 64)]),
    "values/restart": ([(f"{POD}.restartPolicy", "Never")], [(f"{POD}.restartPolicy", "Always")]),
}  # fmt: skip

REFERENCES: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "refs/selector": ([("Deployment.spec.selector.matchLabels.tier", "front")],
                      [("Deployment.spec.template.metadata.labels.tier", "front")]),
    "refs/empty-selector": ([("Deployment.spec.selector", {})], []),
    "refs/service-selector": ([("Service.spec.selector.app", "wbe")], [("Service.spec.selector", GONE)]),
    "refs/service-port": ([("Service.spec.ports.0.targetPort", "https")], [("Service.spec.ports.0.targetPort", 8080)]),
    "refs/undeclared-port": ([("Service.spec.ports.0.targetPort", 9090)],
                             [("Service.spec.ports.0.targetPort", 8080)]),
    "refs/not-in-set": ([(f"{WEB}.envFrom.0.configMapRef.name", "other")],
                        [(f"{WEB}.envFrom.0.configMapRef", {"name": "other", "optional": True})]),
    "refs/key": ([(f"{WEB}.env.1.valueFrom.secretKeyRef.key", "nope")], []),
    "refs/hpa-requests": ([(f"{WEB}.resources.requests", {"memory": "64Mi"})],
                          [(f"{WEB}.resources", {"limits": {"cpu": "1", "memory": "64Mi"}})]),
    "refs/hpa-target": ([(f"{HPA}.spec.scaleTargetRef.kind", "CronJob")], []),
    "refs/pdb-selector": ([(f"{PDB}.spec.selector.matchLabels.app", "wbe")],
                          [(f"{PDB}.spec.selector",
                            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]})]),
    "refs/pdb-blocks": ([(f"{PDB}.spec.maxUnavailable", 0)], [(f"{PDB}.spec.maxUnavailable", "50%")]),
    "refs/ingress-port": ([("Ingress.spec.rules.0.http.paths.0.backend.service.port", {"number": 81})],
                          [("Ingress.spec.rules.0.http.paths.0.backend.service.port", {"number": 80})]),
    "refs/mount": ([(f"{WEB}.volumeMounts.0.name", "tpm")], []),
    "refs/unused-volume": ([(VOLUME, {"name": "spare", "emptyDir": {}})], volume({"emptyDir": {}})),
    "refs/same-mount": ([(f"{WEB}.volumeMounts.0.mountPath", "/data")],
                        [(f"{WEB}.volumeMounts.0.mountPath", "/data/x")]),
}  # fmt: skip

BASELINE: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "security/host-root": (volume({"hostPath": {"path": "/srv/../"}}), volume({"hostPath": {"path": "/srv/web"}})),
    "security/host-process": ([(f"{CONTEXT}.windowsOptions", {"hostProcess": True})],
                              [(f"{CONTEXT}.windowsOptions", {"hostProcess": False})]),
    "security/host-namespaces": ([(f"{POD}.hostPID", True)], [(f"{POD}.hostPID", False)]),
    "security/privileged": ([(f"{CONTEXT}.privileged", True)], [(f"{CONTEXT}.privileged", False)]),
    "security/capabilities": ([(f"{CONTEXT}.capabilities.add", ["SYS_ADMIN"])],
                              [(f"{CONTEXT}.capabilities.add", ["CHOWN"])]),
    "security/host-path": (volume({"hostPath": {"path": "/srv/web"}}), volume({"emptyDir": {}})),
    "security/host-port": ([(f"{WEB}.ports.0.hostPort", 8080)], [(f"{WEB}.ports.0.hostPort", 0)]),
    "security/probe-host": ([(f"{WEB}.livenessProbe.httpGet.host", "10.0.0.1")],
                            [(f"{WEB}.livenessProbe.httpGet.host", "")]),
    "security/app-armor": ([(f"{CONTEXT}.appArmorProfile", {"type": "Unconfined"})],
                           [(f"{CONTEXT}.appArmorProfile", {"type": "RuntimeDefault"})]),
    "security/selinux": ([(f"{CONTEXT}.seLinuxOptions", {"type": "spc_t"})],
                         [(f"{CONTEXT}.seLinuxOptions", {"type": "container_t"})]),
    "security/proc-mount": ([(f"{CONTEXT}.procMount", "Unmasked")], [(f"{CONTEXT}.procMount", "Default")]),
    "security/seccomp": ([(f"{POD}.securityContext.seccompProfile.type", "Unconfined")],
                         [(f"{POD}.securityContext.seccompProfile", {"type": "Localhost", "localhostProfile": "a"})]),
    "security/sysctls": ([(f"{POD}.securityContext.sysctls", [{"name": "kernel.msgmax", "value": "1"}])],
                         [(f"{POD}.securityContext.sysctls", [{"name": "net.ipv4.tcp_syncookies", "value": "1"}])]),
}  # fmt: skip

RESTRICTED: Final[dict[str, tuple[list[Change], list[Change]]]] = {
    "security/volume-type": (volume({"nfs": {"server": "a", "path": "/"}}), volume({"projected": {"sources": []}})),
    "security/escalation": ([(f"{CONTEXT}.allowPrivilegeEscalation", GONE)], []),
    "security/non-root": ([(f"{POD}.securityContext.runAsNonRoot", GONE)],
                          [(f"{POD}.securityContext.runAsNonRoot", GONE), (f"{CONTEXT}.runAsNonRoot", True)]),
    "security/root-user": ([(f"{CONTEXT}.runAsUser", 0)], [(f"{CONTEXT}.runAsUser", 1)]),
    "security/seccomp-unset": ([(f"{POD}.securityContext.seccompProfile", GONE)],
                               [(f"{POD}.securityContext.seccompProfile", GONE),
                                (f"{CONTEXT}.seccompProfile", {"type": "RuntimeDefault"})]),
    "security/drop-all": ([(f"{CONTEXT}.capabilities.drop", ["NET_RAW"])], []),
    "security/added-capability": ([(f"{CONTEXT}.capabilities.add", ["CHOWN"])],
                                  [(f"{CONTEXT}.capabilities.add", ["NET_BIND_SERVICE"])]),
}  # fmt: skip

PAIRS: Final = SCHEMA | NAMES | VALUES | REFERENCES | BASELINE | RESTRICTED

ELSEWHERE: Final = frozenset({
    "text/unreadable", "text/duplicate-key", "text/limit", "text/old-boolean", "schema/not-yet-served",
    "schema/deprecated-api", "schema/constraint", "schema/unchecked", "schema/other-version", "names/twice",
    "refs/not-found",
})  # fmt: skip
"""Rules that need more than a change of the set; their tests name them."""
