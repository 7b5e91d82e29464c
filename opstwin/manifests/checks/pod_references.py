"""What a pod refers to: configuration, secrets, claims, its service account, and its own volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

from opstwin.domain.values import Json
from opstwin.manifests.checks.pods import Container, Pod, at
from opstwin.manifests.checks.sheets import Object, Sheet, mapping, objects, text
from opstwin.manifests.checks.world import World
from opstwin.manifests.nodes import Path

_MADE_BY_CLUSTER = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


@dataclass(frozen=True, slots=True)
class Use:
    """A pod needs this to be there. `keys` are (key, path) that it must have."""

    kind: str
    name: str
    path: Path
    keys: tuple[tuple[str, Path], ...] = ()


def check_pod_references(sheet: Sheet, pod: Pod, world: World) -> None:
    """Everything that the pod needs is there, and every mount has its volume."""
    for use in (*_from_environment(pod), *_from_volumes(pod), *_others(pod)):
        check_use(sheet, use, world)
    _mounts(sheet, pod)


def check_use(sheet: Sheet, use: Use, world: World) -> None:
    """What is used exists, with the keys that are used."""
    if not use.name or (use.kind, use.name) in _MADE_BY_CLUSTER:
        return
    target = f"{use.kind} {sheet.namespace}/{use.name}"
    found = world.find(use.kind, sheet.namespace, use.name)
    if found is None:
        rule = "refs/not-found" if world.is_complete(use.kind, sheet.namespace) else "refs/not-in-set"
        sheet.add(rule, use.path, target=target)
        return
    keys = _keys_of(found)
    for key, path in use.keys:
        given = (use.kind, sheet.namespace, use.name) in world.given
        if key not in keys and (keys or given):
            sheet.add("refs/key", path, target=target, key=key)


def _keys_of(found: Object) -> set[str]:
    return {key for field in ("data", "binaryData", "stringData") for key in mapping(found, field)}


def _from_environment(pod: Pod) -> Iterator[Use]:
    for container in pod.containers:
        for place, item in objects(container.value.get("env")):
            yield from _from_variable(item, (*container.path, "env", place, "valueFrom"))
        for place, item in objects(container.value.get("envFrom")):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                ref = mapping(item, field)
                if ref and ref.get("optional") is not True:
                    yield Use(kind, text(ref.get("name")), (*container.path, "envFrom", place, field, "name"))


def _from_variable(item: Object, path: Path) -> Iterator[Use]:
    for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
        ref = mapping(item, "valueFrom", field)
        if ref and ref.get("optional") is not True:
            key = text(ref.get("key"))
            keys = ((key, (*path, field, "key")),) if key else ()
            yield Use(kind, text(ref.get("name")), (*path, field, "name"), keys)


def _from_volumes(pod: Pod) -> Iterator[Use]:
    for place, volume in objects(pod.spec.get("volumes")):
        path = (*pod.spec_path, "volumes", place)
        yield from _sources(volume, path, "secretName")
        for number, source in objects(at(volume, "projected", "sources")):
            yield from _sources(source, (*path, "projected", "sources", number), "name")
        claim = text(at(volume, "persistentVolumeClaim", "claimName"))
        if claim:
            yield Use("PersistentVolumeClaim", claim, (*path, "persistentVolumeClaim", "claimName"))


def _sources(holder: Object, path: Path, secret_name: str) -> Iterator[Use]:
    for field, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", secret_name)):
        source = mapping(holder, field)
        if source and source.get("optional") is not True:
            keys = tuple(
                (text(item.get("key")), (*path, field, "items", place, "key"))
                for place, item in objects(source.get("items"))
                if text(item.get("key"))
            )
            yield Use(kind, text(source.get(name)), (*path, field, name), keys)


def _others(pod: Pod) -> Iterator[Use]:
    field = "serviceAccountName" if "serviceAccountName" in pod.spec else "serviceAccount"
    if account := text(pod.spec.get(field)):
        yield Use("ServiceAccount", account, (*pod.spec_path, field))
    for place, item in objects(pod.spec.get("imagePullSecrets")):
        yield Use("Secret", text(item.get("name")), (*pod.spec_path, "imagePullSecrets", place, "name"))


def _mounts(sheet: Sheet, pod: Pod) -> None:
    volumes = {text(item.get("name")): place for place, item in objects(pod.spec.get("volumes"))}
    claims = {
        text(at(item, "metadata", "name")) for _, item in objects(at(sheet.value, "spec", "volumeClaimTemplates"))
    }
    used: set[str] = set()
    for container in pod.containers:
        used |= _container_mounts(sheet, container, volumes.keys() | claims)
    for name, place in volumes.items():
        if name and name not in used:
            sheet.add("refs/unused-volume", (*pod.spec_path, "volumes", place), value=name)


def _container_mounts(sheet: Sheet, container: Container, volumes: set[str]) -> set[str]:
    used: set[str] = set()
    for field, where in (("volumeMounts", "mountPath"), ("volumeDevices", "devicePath")):
        places: set[str] = set()
        for number, mount in objects(container.value.get(field)):
            name, path = text(mount.get("name")), (*container.path, field, number)
            used.add(name)
            if name and name not in volumes:
                sheet.add("refs/mount", (*path, "name"), value=name)
            _once(sheet, mount.get(where), (*path, where), places)
    return used


def _once(sheet: Sheet, value: Json, path: Path, places: set[str]) -> None:
    place = text(value)
    if place and place in places:
        sheet.add("refs/same-mount", path, value=place)
    places.add(place)
