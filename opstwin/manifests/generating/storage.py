"""Volumes: claims for what must survive, empty folders for what need not, findings for folders of a host."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from opstwin.domain.names import plain_path
from opstwin.domain.values import Json
from opstwin.domain.workload import Mount
from opstwin.manifests.generating.amounts import checked_storage, exact_memory_text
from opstwin.manifests.generating.images import Known
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Level, Notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What the pod mounts. `claims` are volume → spec of its claim, in the order of the mounts."""

    claims: Mapping[str, dict[str, Json]] = field(default_factory=dict)
    volumes: tuple[Json, ...] = ()
    mounts: tuple[Json, ...] = ()

    @property
    def is_kept_by_one(self) -> bool:
        """Whether a claim can be used by one node only, so that two pods must not overlap."""
        return any(claim.get("accessModes") == ["ReadWriteOnce"] for claim in self.claims.values())


def storage_of(
    info: ContainerInfo, options: GenerateOptions, known: Known | None, writes: tuple[str, ...] | None, notes: Notes
) -> Storage:
    """Mounts and volumes. `notes` are those of the manifest that holds the pod."""
    mounts = [*info.mounts, *_own_data(info, known, notes)]
    claims: dict[str, dict[str, Json]] = {}
    volumes: list[Json] = []
    mounted: list[Json] = []
    for mount in mounts:
        if mount.volume is not None:
            claims.setdefault(mount.volume, claim_spec(mount.volume, options))
            mounted.append(_mounted(mount.volume, mount, known))
        elif options.host_paths:
            name = f"host-{len(volumes)}"
            volumes.append({"name": name, "hostPath": {"path": mount.host_path}})
            mounted.append(_mounted(name, mount, None))
            notes.find("host_path_used", Level.DIFFERS, "volumes.host_path", path=mount.host_path)
        else:
            notes.find("host_path", Level.LOST, "volumes.host_path", path=mount.host_path, inside=mount.path)
    memory = info.pod.folders
    for number, (path, amount) in enumerate(memory.items()):
        volumes.append({"name": f"memory-{number}", "emptyDir": _in_memory(amount)})
        mounted.append({"name": f"memory-{number}", "mountPath": path})
    for number, path in enumerate(_empty_folders(writes, [*(mount.path for mount in mounts), *memory])):
        volumes.append({"name": f"scratch-{number}", "emptyDir": {}})
        mounted.append({"name": f"scratch-{number}", "mountPath": path})
    if memory:
        notes.find("memory_folders", Level.ADVICE, "tmpfs", paths=", ".join(memory))
    return Storage(claims=claims, volumes=tuple(volumes), mounts=tuple(mounted))


def claim_spec(volume: str, options: GenerateOptions) -> dict[str, Json]:
    """The spec of the claim of one volume, for one writer."""
    size = checked_storage(options.storage_by_volume.get(volume, options.storage), f"storage.{volume}")
    spec: dict[str, Json] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return spec if options.storage_class is None else {**spec, "storageClassName": options.storage_class}


def _own_data(info: ContainerInfo, known: Known | None, notes: Notes) -> Iterator[Mount]:
    """The folder of a database's data, when neither a mount nor a folder in memory covers it."""
    if known is None or known.data is None or known.cache:
        return
    given = [*(mount.path for mount in info.mounts), *info.pod.folders]
    if any(_covers(path, known.data) for path in given):
        return
    notes.find("data_added", Level.DIFFERS, "volumes", path=known.data)
    yield Mount(path=known.data, volume="data")


def _mounted(name: str, mount: Mount, known: Known | None) -> dict[str, Json]:
    made: dict[str, Json] = {"name": name, "mountPath": mount.path}
    if known is not None and known.sub_path is not None and plain_path(mount.path) == known.data:
        made["subPath"] = known.sub_path
    return {**made, "readOnly": True} if mount.read_only else made


def _in_memory(amount: int | None) -> dict[str, Json]:
    limit: dict[str, Json] = {} if amount is None else {"sizeLimit": exact_memory_text(amount)}
    return {"medium": "Memory", **limit}


def _empty_folders(writes: tuple[str, ...] | None, given: list[str]) -> Iterator[str]:
    taken = [*given]
    for path in dict.fromkeys(writes or ()):
        if not any(_covers(other, path) for other in taken):
            taken.append(path)
            yield path


def _covers(folder: str, path: str) -> bool:
    return f"{plain_path(path)}/".startswith(f"{plain_path(folder).rstrip('/')}/")
