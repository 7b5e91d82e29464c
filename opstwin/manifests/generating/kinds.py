"""As what a container runs: Deployment, StatefulSet, Job or CronJob."""

from opstwin.domain.workload import RestartPolicy
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.images import Known
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions, RunAs
from opstwin.manifests.generating.results import Level, Notes

_CRON_WORDS = 5
_TOOLS = frozenset({
    "bash", "cqlsh", "createdb", "curl", "etcdctl", "influx", "mariadb", "mariadb-dump", "mc", "mongodump",
    "mongorestore", "mongosh", "mysql", "mysqladmin", "mysqldump", "pg_dump", "pg_dumpall", "pg_restore", "psql",
    "redis-cli", "sh", "valkey-cli",
})  # fmt: skip
"""Programs of server images that do one thing and end."""

_ASKED = {RunAs.DEPLOYMENT: "Deployment", RunAs.STATEFUL: "StatefulSet", RunAs.JOB: "Job"}


def kind_of(info: ContainerInfo, options: GenerateOptions, known: Known | None, notes: Notes) -> str:
    """The kind; why stands in `notes`. Raises `InvalidInput` for a schedule that is none."""
    if options.schedule is not None:
        checked_schedule(options.schedule)
        return _decided("CronJob", "kind_schedule", "request", notes)
    if options.run_as is not RunAs.AUTO:
        return _decided(_ASKED[options.run_as], "kind_asked", "request", notes)
    if _is_task(info, known):
        notes.find("job", Level.DIFFERS, "restart")
        return _decided("Job", "kind_task", "restart policy", notes)
    if known is not None and known.data is not None and (not known.cache or _has_volume(info)):
        return _decided("StatefulSet", "kind_stateful", "image", notes)
    if info.restart in (RestartPolicy.NEVER, RestartPolicy.ON_FAILURE):
        notes.find("restart", Level.DIFFERS, "restart", policy=info.restart.value)
    return _decided("Deployment", "kind_service", "default", notes)


def checked_schedule(schedule: str) -> str:
    """`schedule` when it has the five fields of cron, or is one of its words. Raises `InvalidInput`."""
    fields = schedule.split()
    word = len(fields) == 1 and fields[0] in ("@yearly", "@monthly", "@weekly", "@daily", "@hourly")
    plain = all(char.isascii() and (char.isalnum() or char in "*/,-") for field in fields for char in field)
    if word or (len(fields) == _CRON_WORDS and plain):
        return schedule
    raise InvalidInput(
        f"schedule {schedule[:40]!r} is not a cron schedule.",
        field="schedule",
        next_step='Write five fields, such as "0 3 * * *".',
    )


def _is_task(info: ContainerInfo, known: Known | None) -> bool:
    """It is never restarted, nobody can call it and nobody asks how it does: it is there to end."""
    listens = bool(info.ports or info.udp_ports or info.health) or _is_server(info, known)
    return info.restart is RestartPolicy.NEVER and not listens and not info.kept_running


def _is_server(info: ContainerInfo, known: Known | None) -> bool:
    """A known server, unless the image is borrowed to run one of its tools."""
    if known is None or known.port is None:
        return False
    program = info.command[0].rpartition("/")[2] if info.command else ""
    return program not in _TOOLS


def _has_volume(info: ContainerInfo) -> bool:
    return any(mount.volume is not None for mount in info.mounts)


def _decided(kind: str, code: str, source: str, notes: Notes) -> str:
    notes.why("kind", kind, code, source)
    return kind
