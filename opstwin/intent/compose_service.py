"""One service of a Compose file as a Workload."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opstwin.domain.names import checked_name, checked_path
from opstwin.domain.pod_settings import NO_POD_SETTINGS
from opstwin.domain.workload import Resources, RestartPolicy, Workload, checked_user
from opstwin.intent import compose_advice as advice
from opstwin.intent.compose_env_files import read_env_files
from opstwin.intent.compose_health import read_health
from opstwin.intent.compose_places import read_mounts, read_networks
from opstwin.intent.compose_pod import read_pod
from opstwin.intent.compose_ports import read_expose, read_ports
from opstwin.intent.quantities import compose_bytes, cpu_millicores
from opstwin.intent.short_forms import pair_of, read_policy, split_words
from opstwin.intent.spots import Spot


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a service may refer to: networks and volumes by their key, variables, other services, env files.

    `for_cluster` says that replicas stand behind one port, and that there are pods, which have more settings.
    """

    networks: Mapping[str, str]
    volumes: Mapping[str, str]
    variables: Mapping[str, str]
    services: Sequence[str]
    project: str
    env_files: Mapping[str, str]
    for_cluster: bool = False


def read_service(spot: Spot, around: Surroundings) -> Workload:
    """The Workload of one service. Raises `InvalidInput` with path and line for what cannot be carried out."""
    keys = spot.only(advice.keys_for(for_cluster=around.for_cluster), advice.SERVICE)
    if "image" not in keys:
        raise spot.fault("has no image", "Add image:, such as image: nginx:1.27.")
    name = spot.checked(lambda: checked_name(str(spot.path[-1]), "name"))
    replicas, resources = _sizes(keys, advice.resource_keys_for(for_cluster=around.for_cluster))
    published = read_ports(keys.get("ports"), replicas, shared=around.for_cluster)
    ports = (*published, *read_expose(keys.get("expose")))
    command, entrypoint = _command(keys.get("command")), _command(keys.get("entrypoint"))
    user = _said(keys.get("user"), checked_user)
    folder = _said(keys.get("working_dir"), lambda path: checked_path(path, "working_dir"))
    env = read_env_files(keys.get("env_file"), around.env_files)
    env |= _environment(keys.get("environment"), around.variables)
    mounts = read_mounts(keys.get("volumes"), around.volumes, in_memory=around.for_cluster)
    networks = read_networks(keys.get("networks"), around.networks)
    health = read_health(keys.get("healthcheck"))
    labels, restart = _labels(keys.get("labels")), _restart(keys.get("restart"))
    needs = _needs(keys.get("depends_on"), around.services)
    pod = read_pod(spot, keys) if around.for_cluster else NO_POD_SETTINGS
    image = keys["image"].text()
    return spot.checked(
        lambda: Workload(
            name=name,
            image=image,
            command=command,
            entrypoint=entrypoint,
            user=user,
            working_dir=folder,
            ports=ports,
            env=env,
            volumes=mounts,
            networks=networks,
            resources=resources,
            replicas=replicas,
            health=health,
            labels=labels,
            restart=restart,
            needs=needs,
            project=around.project,
            pod=pod,
        )
    )


def _sizes(keys: Mapping[str, Spot], known: Sequence[str]) -> tuple[int, Resources]:
    deploy = keys["deploy"].only(advice.DEPLOY_KEYS, advice.DEPLOY) if "deploy" in keys else {}
    if "mode" in deploy:
        deploy["mode"].one_of(("replicated",), "Remove it and use replicas:.")
    limits: Mapping[str, Spot] = {}
    if "resources" in deploy:
        resources = deploy["resources"].only(known, advice.RESOURCES)
        limits = resources["limits"].only(("cpus", "memory"), advice.LIMITS) if "limits" in resources else {}
    replicas = _agreed(deploy.get("replicas"), keys.get("scale"), Spot.whole)
    cpu = _agreed(limits.get("cpus"), keys.get("cpus"), _cpu)
    memory = _agreed(limits.get("memory"), keys.get("mem_limit"), _memory)
    at = keys.get("deploy") or keys.get("cpus") or keys.get("mem_limit")
    if at is None:
        return 1 if replicas is None else replicas, Resources()
    sizes = at.checked(lambda: Resources(cpu_millicores=cpu, memory_bytes=memory))
    return 1 if replicas is None else replicas, sizes


def _agreed(first: Spot | None, second: Spot | None, read: Callable[[Spot], int]) -> int | None:
    """What either says; Compose wants both to say the same."""
    values = [(spot, read(spot)) for spot in (first, second) if spot is not None]
    if len(values) == 2 and values[0][1] != values[1][1]:
        raise values[1][0].fault(f"says something else than {values[0][0].name}", "Keep one of the two.")
    return values[0][1] if values else None


def _cpu(spot: Spot) -> int:
    return spot.checked(lambda: cpu_millicores(spot.raw(), "cpus"))


def _memory(spot: Spot) -> int:
    return spot.checked(lambda: compose_bytes(spot.raw(), "memory"))


def _command(spot: Spot | None) -> tuple[str, ...] | None:
    if spot is None or spot.is_null:
        return None
    words = [item.text() for item in spot.items()] if spot.is_list else spot.checked(lambda: split_words(spot.text()))
    if not words:
        raise spot.fault("is empty", f"Remove it to use the image's own {spot.path[-1]}.")
    return tuple(words)


def _environment(spot: Spot | None, variables: Mapping[str, str]) -> dict[str, str]:
    if spot is None or spot.is_null:
        return {}
    found: dict[str, str] = {}
    if not spot.is_list:
        for key, item in spot.entries().items():
            found[key] = _inherited(key, item, variables) if item.is_null else item.raw()
        return found
    for item in spot.items():
        text = item.text()
        key, value = pair_of(text) if "=" in text else (text, _inherited(text, item, variables))
        if key in found:
            raise item.fault("names a variable for the second time", "Keep one of the two.")
        found[key] = value
    return found


def _inherited(key: str, spot: Spot, variables: Mapping[str, str]) -> str:
    if key not in variables:
        raise spot.fault("has no value, and no variable of that name is set", "Write a value, such as LOG_LEVEL=info.")
    return variables[key]


def _said(spot: Spot | None, read: Callable[[str], str]) -> str:
    return "" if spot is None or spot.is_null else spot.checked(lambda: read(spot.raw()))


def _labels(spot: Spot | None) -> dict[str, str]:
    if spot is None or spot.is_null:
        return {}
    if not spot.is_list:
        return {key: "" if item.is_null else item.raw() for key, item in spot.entries().items()}
    pairs = [item.text().partition("=") for item in spot.items()]
    if len({key for key, _, _ in pairs}) < len(pairs):
        raise spot.fault("holds a label twice", "Keep one of the two.")
    return {key: value for key, _, value in pairs}


def _restart(spot: Spot | None) -> RestartPolicy:
    """The policy; without one, `no`, as in Compose."""
    return RestartPolicy.NEVER if spot is None else spot.checked(lambda: read_policy(spot.text()))


def _needs(spot: Spot | None, services: Sequence[str]) -> tuple[str, ...]:
    if spot is None or spot.is_null:
        return ()
    named = {item.text(): item for item in spot.items()} if spot.is_list else _conditions(spot)
    for name, item in named.items():
        if name not in services:
            raise item.fault(f"names {name[:80]!r}, which is no service of this file", "Add the service or remove it.")
    return tuple(named)


def _conditions(spot: Spot) -> dict[str, Spot]:
    named = spot.entries()
    for item in named.values():
        keys = item.only(("condition", "required"), {"restart": "Remove it: restart the service in a request."})
        if "condition" in keys:
            keys["condition"].one_of(
                ("service_started", "service_healthy"), "Use service_started or service_healthy; jobs are not run."
            )
        if "required" in keys and not keys["required"].flag():
            raise keys["required"].fault("cannot be false", "Remove the need, or keep it as required.")
    return named
