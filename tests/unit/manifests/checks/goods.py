"""A set of manifests in which nothing is found, and ways to spoil it."""

import copy
from typing import Any, Final

from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Finding, Report
from opstwin.manifests.yaml_text import read_documents

TEXT: Final = """\
# Source: web/templates/all.yaml
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  labels: {app.kubernetes.io/name: web}
spec:
  replicas: 3
  selector:
    matchLabels: {app: web}
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}
  template:
    metadata:
      labels: {app: web}
    spec:
      serviceAccountName: web
      securityContext:
        runAsNonRoot: true
        runAsUser: 10001
        seccompProfile: {type: RuntimeDefault}
      imagePullSecrets:
        - name: web
      containers:
        - name: web
          image: registry.example.com/shop/web:1.4.2
          ports:
            - {name: http, containerPort: 8080}
          env:
            - {name: LOG_LEVEL, value: info}
            - name: DATABASE_URL
              valueFrom: {secretKeyRef: {name: web, key: database-url}}
          envFrom:
            - configMapRef: {name: web}
          resources:
            requests: {cpu: 100m, memory: 128Mi}
            limits: {memory: 256Mi}
          readinessProbe:
            httpGet: {path: /ready, port: http}
            periodSeconds: 5
          livenessProbe:
            httpGet: {path: /health, port: 8080}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            - {name: conf, mountPath: /etc/web}
            - {name: data, mountPath: /data}
      volumes:
        - {name: tmp, emptyDir: {}}
        - name: conf
          configMap: {name: web, items: [{key: nginx.conf, path: nginx.conf}]}
        - name: data
          persistentVolumeClaim: {claimName: web}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
    - {name: http, port: 80, targetPort: http}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data:
  nginx.conf: listen 8080;
---
apiVersion: v1
kind: Secret
metadata: {name: web, namespace: shop}
stringData:
  database-url: {secretRef: "env:DATABASE_URL"}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: web, namespace: shop}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 3
  maxReplicas: 10
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
    - host: shop.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: web, port: {name: http}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy, namespace: shop}
spec:
  schedule: "*/15 3 * * mon-fri"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          securityContext:
            runAsNonRoot: true
            seccompProfile: {type: RuntimeDefault}
          containers:
            - name: tidy
              image: example.com/tidy@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
              securityContext:
                allowPrivilegeEscalation: false
                capabilities: {drop: [ALL]}
"""

POD: Final = "Deployment.spec.template.spec"
WEB: Final = f"{POD}.containers.0"
GONE: Final = object()
"""As a value: the field is taken away."""


def good() -> list[dict[str, Any]]:
    """The manifests, fresh."""
    return [copy.deepcopy(item.value) for item in read_documents(TEXT)]


def spoilt(*changes: tuple[str, Any]) -> list[dict[str, Any]]:
    """The manifests with changes, each a path that begins with a kind, and a value."""
    found = good()
    for path, value in changes:
        kind, *steps = path.split("/") if "/" in path else path.split(".")
        put(next(item for item in found if item["kind"] == kind), steps, value)
    return found


def put(value: Any, steps: list[str], wanted: Any) -> None:
    """Set what stands below `steps`; mappings on the way are made."""
    for step in steps[:-1]:
        value = value[int(step)] if isinstance(value, list) else value.setdefault(step, {})
    last = steps[-1]
    if wanted is GONE:
        del value[int(last) if isinstance(value, list) else last]
    elif isinstance(value, list):
        value.append(wanted) if int(last) >= len(value) else value.__setitem__(int(last), wanted)
    else:
        value[last] = wanted


def report(*changes: tuple[str, Any], version: str | None = None, **rest: Any) -> Report:
    """What is found after the changes."""
    return checked(spoilt(*changes), version=version, **rest)


def only(found: Report, rule: str) -> Finding:
    """The one finding of a rule."""
    [item] = [item for item in found.findings if item.rule == rule]
    return item


def rules_in(found: Report) -> set[str]:
    """The rules that are broken."""
    return {item.rule for item in found.findings}
