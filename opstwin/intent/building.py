"""What was read of a request as the values of an `Ask`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from opstwin.domain.ask import Action, Ask
from opstwin.domain.names import checked_env_key, checked_image, checked_name
from opstwin.domain.workload import MAX_REPLICAS, Port, Resources, Workload
from opstwin.errors import InvalidInput, Unclear
from opstwin.intent.clauses import Draft
from opstwin.intent.quantities import cpu_millicores, memory_bytes
from opstwin.intent.scaling import scaling_of
from opstwin.intent.short_forms import read_mount, read_port
from opstwin.intent.unclear import Doubt, example_of, unclear

_NAME: Final = re.compile(r"[a-z0-9]{1,20}(?:-[a-z0-9]{1,20}){0,2}")
_SETTINGS: Final[Mapping[str, Action]] = {
    "replicas": Action.SCALE, "memory": Action.SET_RESOURCES, "cpu": Action.SET_RESOURCES, "image": Action.UPGRADE,
    "port": Action.EXPOSE, "ports": Action.EXPOSE,
}  # fmt: skip
"""Words before "=" that could mean a setting as well as a variable of that name."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A draft with the verb's family and the language it was read in."""

    draft: Draft
    family: str
    language: str
    prefix_target: str | None = None

    def unclear(self, doubt: Doubt, action: Action) -> Unclear:
        """The error, with an example that holds what is known."""
        name, image = self.draft.one("name"), self.draft.one("image")
        known = name if name is not None and _NAME.fullmatch(name) else None
        return unclear(doubt, self.language, example_of(action, self.language, name=known, image=image))


def built(reading: Reading, action: Action) -> Ask:
    """The `Ask` of a complete reading. Raises `InvalidInput` for impossible values, `Unclear` for contradictions."""
    if action is Action.DEPLOY:
        return _deploy(reading, action)
    if action in (Action.MOVE, Action.COPY):
        return _move(reading, action)
    return _set_env(reading, action) if action is Action.SET_ENV else _plain_ask(reading, action)


def _plain_ask(reading: Reading, action: Action) -> Ask:
    return Ask(
        action=action,
        name=_name(reading),
        target=_target(reading),
        replicas=_replicas(reading),
        scaling=scaling_of(reading.draft, reading.family) if action is Action.AUTOSCALE else None,
        image=_image(reading),
        ports=_ports(reading),
        resources=_resources(reading) if action is Action.SET_RESOURCES else None,
        with_volumes=_with_volumes(reading),
        language=reading.language,
    )


def _deploy(reading: Reading, action: Action) -> Ask:
    draft, name, image = reading.draft, _name(reading), _image(reading)
    assert image is not None
    scaling, replicas = scaling_of(draft, reading.family), _replicas(reading)
    workload = Workload(
        name=name,
        image=image,
        ports=_ports(reading),
        env=_env(reading),
        volumes=tuple(read_mount(word) for word in draft.all("volume")),
        resources=_resources(reading),
        replicas=replicas or (scaling and scaling.minimum) or 1,
        autoscale=scaling.over(None) if scaling else None,
    )
    return Ask(action=action, name=name, target=_target(reading), workload=workload, language=reading.language)


def _set_env(reading: Reading, action: Action) -> Ask:
    draft = reading.draft
    unset = _keys(draft)[len(draft.all("value")) :]
    return Ask(
        action=action,
        name=_name(reading),
        target=_target(reading),
        env=_env(reading),
        unset_env=tuple(checked_env_key(key) for key in unset),
        language=reading.language,
    )


def _move(reading: Reading, action: Action) -> Ask:
    draft, whole = reading.draft, "project" in reading.draft.marks
    source, project = draft.one("source"), draft.one("project")
    only = "" if project is None else checked_name(project, "project")
    return Ask(
        action=action,
        name=only if whole else _name(reading),
        target=_target(reading),
        source=None if source is None else checked_name(source, "source"),
        whole_project=whole,
        scaling=scaling_of(reading.draft, reading.family),
        language=reading.language,
    )


def _name(reading: Reading) -> str:
    return checked_name(str(reading.draft.one("name")), "name")


def _target(reading: Reading) -> str | None:
    target = reading.draft.one("target")
    return None if target is None else checked_name(target, "target")


def _image(reading: Reading) -> str | None:
    image = reading.draft.one("image")
    return None if image is None else checked_image(image)


def _ports(reading: Reading) -> tuple[Port, ...]:
    return tuple(read_port(word) for word in reading.draft.all("port"))


def _replicas(reading: Reading) -> int | None:
    count = reading.draft.one("count")
    if count is None:
        return None
    number = int(count)
    if not 1 <= number <= MAX_REPLICAS:
        raise InvalidInput(
            f"replicas must be 1 to {MAX_REPLICAS}, not {number}.",
            field="replicas",
            next_step='To take it down, stop or delete it: opstwin plan "stop NAME".',
        )
    return number


def _resources(reading: Reading) -> Resources:
    cpu, memory = reading.draft.one("cpu"), reading.draft.one("memory")
    return Resources(
        cpu_millicores=None if cpu is None else cpu_millicores(cpu),
        memory_bytes=None if memory is None else memory_bytes(memory),
    )


def _env(reading: Reading) -> dict[str, str]:
    draft = reading.draft
    pairs = [(key, value) for key, _, value in (word.partition("=") for word in draft.all("pair"))]
    env: dict[str, str] = {}
    for key, value in [*pairs, *zip(_keys(draft), draft.all("value"), strict=False)]:
        if "env" not in draft.marks and key in _SETTINGS:
            prefix = "env" if reading.language == "en" else "환경변수"
            choices = (f"{prefix} {key}=…", example_of(_SETTINGS[key], reading.language))
            raise reading.unclear(Doubt(reason="variable", choices=choices, unread=(key,)), Action.SET_ENV)
        if env.setdefault(checked_env_key(key), value) != value:
            raise reading.unclear(Doubt(reason="twice", unread=(key,)), Action.SET_ENV)
    return env


def _keys(draft: Draft) -> list[str]:
    return [*draft.all("key"), *draft.all("any_key")]


def _with_volumes(reading: Reading) -> bool:
    marks = reading.draft.marks
    if {"volumes", "keep"} <= marks:
        raise reading.unclear(
            Doubt(reason="several", choices=("with its data", "but keep its data"), slot="data"), Action.DELETE
        )
    return "volumes" in marks
