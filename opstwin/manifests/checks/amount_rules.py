"""Amounts and numbers: quantities, copies, rollout bounds, schedules."""

from decimal import Decimal
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks import grammar
from opstwin.manifests.checks.amounts import amount_of
from opstwin.manifests.checks.pods import Pod
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, number, text
from opstwin.manifests.nodes import Path

_MOST_PODS: Final = 150_000
"""What one cluster is built for (kubernetes.io/docs/setup/best-practices/cluster-large)."""

_MANY: Final = 1_000
_MOST_CPUS: Final = Decimal(1_024)
_MOST_BYTES: Final = Decimal(2**45)  # 32 TiB, the largest machines one can rent
_LEAST_BYTES: Final = Decimal(2**20)  # below a MiB nothing starts: a unit was forgotten
_SCALED: Final = frozenset({"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"})


def check_amounts(sheet: Sheet, pod: Pod | None) -> None:
    """Everything that is counted in the manifest."""
    spec = mapping(sheet.value, "spec")
    if sheet.kind in _SCALED:
        _copies(sheet, spec, "replicas")
    if sheet.kind == "Deployment":
        _rollout(sheet, spec)
    if sheet.kind == "HorizontalPodAutoscaler":
        _autoscaler(sheet, spec)
    if sheet.kind == "Job":
        _copies(sheet, spec, "parallelism")
    if sheet.kind == "CronJob":
        _schedule(sheet, spec)
    if sheet.kind == "PersistentVolumeClaim":
        _resources(sheet, mapping(spec, "resources"), ("spec", "resources"))
    for container in pod.containers if pod else ():
        _resources(sheet, mapping(container.value, "resources"), (*container.path, "resources"))


def _copies(sheet: Sheet, spec: Object, field: str) -> None:
    count = number(spec.get(field))
    if count is None:
        return
    if not 0 <= count <= _MOST_PODS:
        sheet.add("values/replicas", ("spec", field), value=count)
    elif count > _MANY:
        sheet.add("values/many-replicas", ("spec", field), value=count)


def _autoscaler(sheet: Sheet, spec: Object) -> None:
    for field in ("minReplicas", "maxReplicas"):
        _copies(sheet, spec, field)
    least, most = number(spec.get("minReplicas")), number(spec.get("maxReplicas"))
    if most is not None and (least if least is not None else 1) > most:
        sheet.add("values/min-above-max", ("spec", "maxReplicas"), least=1 if least is None else least, most=most)


def _rollout(sheet: Sheet, spec: Object) -> None:
    bounds = mapping(spec, "strategy", "rollingUpdate")
    found = [bounds.get("maxSurge"), bounds.get("maxUnavailable")]
    if all(item in (0, "0", "0%") and item is not False for item in found):
        sheet.add("values/no-progress", ("spec", "strategy", "rollingUpdate"))


def _schedule(sheet: Sheet, spec: Object) -> None:
    value = text(spec.get("schedule"))
    if value and (problem := grammar.schedule(value)):
        sheet.add("values/schedule", ("spec", "schedule"), value=value, problem=problem)


def _resources(sheet: Sheet, resources: Object, path: Path) -> None:
    requests, limits = mapping(resources, "requests"), mapping(resources, "limits")
    for field, amounts in (("requests", requests), ("limits", limits)):
        for name, value in amounts.items():
            _amount(sheet, name, value, (*path, field, name))
    for name, value in requests.items():
        asked, most = amount_of(value), amount_of(limits.get(name))
        if asked is not None and most is not None and asked > most:
            sheet.add(
                "values/request-above-limit", (*path, "requests", name), what=name, request=value, limit=limits[name]
            )


def _amount(sheet: Sheet, name: str, value: Json, path: Path) -> None:
    amount = amount_of(value)
    if amount is None:
        return
    if amount < 0:
        sheet.add("values/quantity", path, value=value)
    elif problem := _odd(name, amount):
        sheet.add("values/odd-amount", path, value=value, problem=problem)


def _odd(name: str, amount: Decimal) -> str:
    if name == "cpu":
        return "more CPU than any machine has" if amount > _MOST_CPUS else ""
    if name not in {"memory", "ephemeral-storage"} or not amount:
        return ""
    if amount < _LEAST_BYTES:
        return "less than a MiB"
    return "more memory than any machine has" if name == "memory" and amount > _MOST_BYTES else ""
