"""From what was read of a request to an `Ask`, or to what is missing or ambiguous in it."""

from collections.abc import Iterator, Mapping
from typing import Final

from opstwin.domain.ask import Action, Ask
from opstwin.intent.building import Reading, built
from opstwin.intent.tokens import shown
from opstwin.intent.unclear import Doubt, example_of

ACTIONS: Final[Mapping[str, Action]] = {
    "deploy": Action.DEPLOY,
    "run": Action.DEPLOY,
    "scale": Action.SCALE,
    "upgrade": Action.UPGRADE,
    "change": Action.SET_ENV,
    "unset": Action.SET_ENV,
    "add": Action.SET_ENV,
    "restart": Action.RESTART,
    "stop": Action.STOP,
    "start": Action.START,
    "delete": Action.DELETE,
    "rollback": Action.ROLLBACK,
    "roll": Action.ROLLBACK,
    "expose": Action.EXPOSE,
    "autoscale": Action.AUTOSCALE,
    "unscale": Action.STOP_AUTOSCALE,
    "move": Action.MOVE,
    "copy": Action.COPY,
}
"""What a verb asks for; a general verb such as "set" is decided by what it changes."""

_CHANGES: Final[Mapping[Action, tuple[str, ...]]] = {
    Action.UPGRADE: ("image", "untagged"),
    Action.SCALE: ("count",),
    Action.SET_ENV: ("pair", "key", "any_key"),
    Action.SET_RESOURCES: ("memory", "cpu"),
    Action.EXPOSE: ("port",),
}
_NEEDS: Final[Mapping[Action, tuple[str, str]]] = {
    Action.UPGRADE: ("image", "image"),
    Action.SCALE: ("count", "replicas"),
    Action.EXPOSE: ("port", "port"),
}
"""The slot that an action cannot do without, and what it is called."""

_SINGLE: Final = {
    "name": "name", "target": "target", "image": "image", "count": "replicas", "memory": "memory", "cpu": "cpu",
    "project": "project", "source": "source", "least": "minimum", "most": "maximum", "percent": "cpu",
}  # fmt: skip
_PROJECT: Final = {"en": "move the compose app to prod", "ko": "컴포즈 앱을 prod로 옮겨줘"}
_GENERAL: Final = frozenset({"change", "scale"})


def finish(reading: Reading) -> Ask:
    """The `Ask`. Raises `Unclear` for what is missing or ambiguous, and `InvalidInput` for values that cannot be."""
    _settle_places(reading)
    action = _action(reading)
    for slot, part in _SINGLE.items():
        found = list(dict.fromkeys(reading.draft.all(slot)))
        if len(found) > 1:
            raise reading.unclear(Doubt(reason="several", choices=found, slot=part), action)
    _check_image(reading, action)
    _check_scaling(reading, action)
    missing = tuple(_missing(reading, action))
    if missing:
        raise reading.unclear(Doubt(reason="missing", missing=missing), action)
    return built(reading, action)


def _settle_places(reading: Reading) -> None:
    """A place ("on web") is the workload when none is named otherwise, else the target."""
    words = reading.draft.words
    places = words.pop("place", [])
    if reading.prefix_target is not None:
        words["target"].insert(0, reading.prefix_target)
    if places and not words.get("name"):
        if len(places) > 1 and reading.language == "ko":
            raise reading.unclear(Doubt(reason="several", choices=places, slot="name"), ACTIONS[reading.family])
        words["name"].append(places.pop(0))
    words["target"].extend(places)


def _action(reading: Reading) -> Action:
    draft, action = reading.draft, ACTIONS[reading.family]
    if reading.family == "run" and not draft.one("image"):
        choices = [example_of(item, reading.language) for item in (Action.DEPLOY, Action.START)]
        raise reading.unclear(Doubt(reason="run_what", choices=choices), Action.DEPLOY)
    if action is Action.START and draft.one("image"):
        raise reading.unclear(
            Doubt(reason="run_what", choices=[example_of(Action.DEPLOY, reading.language)]), Action.DEPLOY
        )
    if reading.family not in _GENERAL | {"add"}:
        return action
    changed = [item for item, slots in _CHANGES.items() if any(draft.all(slot) for slot in slots)]
    if len(changed) > 1:
        raise reading.unclear(Doubt(reason="mixed", choices=[item.value for item in changed]), changed[0])
    if not changed and reading.family != "scale":
        raise reading.unclear(Doubt(reason="missing", missing=("change",)), action)
    return changed[0] if changed else action


def _check_image(reading: Reading, action: Action) -> None:
    loose = reading.draft.one("untagged") or reading.draft.one("untagged_path")
    if loose is not None:
        raise reading.unclear(Doubt(reason="tag", missing=("image",), unread=(shown(loose),)), action)


def _check_scaling(reading: Reading, action: Action) -> None:
    """Bounds belong to autoscaling, and a whole project has no workload's name."""
    draft = reading.draft
    bounds = any(draft.one(slot) for slot in ("least", "most", "percent"))
    if bounds and action is not Action.AUTOSCALE and "autoscale" not in draft.marks:
        raise reading.unclear(Doubt(reason="missing", missing=("autoscaling",)), Action.AUTOSCALE)
    if "project" in draft.marks and draft.one("name"):
        choices = [example_of(action, reading.language, name=draft.one("name")), _PROJECT[reading.language]]
        raise reading.unclear(Doubt(reason="several", choices=choices, slot="name"), action)


def _missing(reading: Reading, action: Action) -> Iterator[str]:
    draft = reading.draft
    if not draft.one("name") and "project" not in draft.marks:
        yield "name"
    if action is Action.DEPLOY and not draft.one("image"):
        yield "image"
    if action in _NEEDS and not draft.one(_NEEDS[action][0]):
        yield _NEEDS[action][1]
    if action is Action.SET_ENV and not any(draft.all(slot) for slot in _CHANGES[action]):
        yield "variable"
