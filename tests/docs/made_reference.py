"""Tables of the pages, made from the settings, the errors, the policies, the Compose reader and the metrics."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from opstwin import errors
from opstwin.cli.exits import from_problem
from opstwin.configuration import PREFIX
from opstwin.domain.approval import SOLO, TWO_PERSON, Rule
from opstwin.domain.plan import Risk
from opstwin.intent import compose_advice as advice
from opstwin.server.instruments import Instruments
from opstwin.server.problems import STATUS
from opstwin.settings import ModelProvider, ModelSettings, Settings

WHO: Final[Mapping[type[errors.OpstwinError], str]] = {
    errors.RequestError: "Whoever asked changes something and asks again",
    errors.TargetError: "Whoever looks after the target",
    errors.ModelError: "Nobody: Opstwin goes on without the model and says so",
    errors.StoreError: "Whoever runs the hub",
}
"""Who must act, by branch of the tree."""


def settings() -> str:
    """Every setting with its variable, its default and its meaning."""
    rows = [
        [f"`{name}`", f"`{PREFIX}{name.upper()}`", _default(name, field), _meaning(field)]
        for name, field in Settings.model_fields.items()
    ]
    for prefix, part in (("models", ModelSettings), ("models.providers.NAME", ModelProvider)):
        rows += [[f"`{prefix}.{name}`", f"in `{PREFIX}MODELS`", _default(name, field), _meaning(field)]
                 for name, field in part.model_fields.items()]  # fmt: skip
    return _table(["setting", "variable", "default", "meaning"], rows)


def error_classes() -> str:
    """The whole error tree, branch by branch."""
    parts: list[str] = []
    for branch, who in WHO.items():
        rows = [_error_row(kind) for kind in _tree(branch)]
        head = ["code", "class", "HTTP", "exit", "means"]
        parts += [f"### {who}", "", _table(head, rows), ""]
    return "\n".join(parts)


def policies() -> str:
    """Who must approve, by risk and policy."""
    rows = [[f"`{risk.value}`", _who(TWO_PERSON[risk]), _who(SOLO[risk]), _minutes(TWO_PERSON[risk])] for risk in Risk]
    return _table(["risk", "`two-person` (default)", "`solo`", "an approval holds for"], rows)


def compose_keys() -> str:
    """The keys of a Compose file that are carried out."""
    places = {
        "the file": advice.TOP_KEYS, "a service": advice.SERVICE_KEYS, "`deploy`": advice.DEPLOY_KEYS,
        "a service, for a cluster": advice.POD_KEYS,
    }  # fmt: skip
    return _table(["in", "keys"], [[place, _codes(keys)] for place, keys in places.items()])


def compose_refused() -> str:
    """The keys of the Compose specification that are refused, and what to do instead."""
    tables = {
        "the file": advice.TOP, "a service": advice.SERVICE, "`deploy`": advice.DEPLOY,
        "`deploy.resources`": advice.RESOURCES, "`deploy.resources.limits`": advice.LIMITS,
        "`deploy.resources.reservations`": advice.RESERVATIONS,
        "`healthcheck`": advice.HEALTH, "a network": advice.NETWORK, "a volume": advice.VOLUME,
        "a service's network": advice.ATTACHMENT, "a port": advice.PORT, "a mount": advice.MOUNT,
    }  # fmt: skip
    rows = [
        [place, _codes(keys), says]
        for place, table in tables.items()
        for says, keys in _by_advice(table)
    ]  # fmt: skip
    return _table(["in", "keys", "instead"], rows)


def metrics() -> str:
    """Every metric with its labels."""
    return _table(
        ["metric", "kind", "labels", "what"],
        [[f"`{name}`", kind, _codes(labels), what] for name, kind, labels, what in _metrics()],
    )


def _metrics() -> Iterator[tuple[str, str, Sequence[str], str]]:
    instruments = Instruments()
    labels = {
        name: getattr(collector, "_labelnames", ())  # the client library tells it only of metrics that have samples
        for collector, names in instruments.registry._collector_to_names.items()
        for name in names
    }
    for family in instruments.registry.collect():
        name = f"{family.name}_total" if family.type == "counter" else family.name
        yield name, family.type, labels[family.name], family.documentation


def _tree(kind: type[errors.OpstwinError]) -> Iterator[type[errors.OpstwinError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _tree(inner)


def _error_row(kind: type[errors.OpstwinError]) -> list[str]:
    meaning = " ".join((kind.__doc__ or "").split())
    exit_code = from_problem({"code": kind.code}).exit_code
    return [f"`{kind.code}`", f"`{kind.__name__}`", str(STATUS[kind]), str(exit_code.value), meaning]


def _who(rule: Rule) -> str:
    count = "one person" if rule.approvals == 1 else f"{rule.approvals} people"
    return count if rule.self_approval else f"{count} other than the requester"


def _minutes(rule: Rule) -> str:
    return f"{rule.expires_s / 60:.0f} minutes"


def _default(name: str, field: FieldInfo) -> str:
    if name == "data_dir":
        return "the user's data folder"
    value = field.default
    if field.is_required():
        return "needed"
    if value in ("", None, (), PydanticUndefined):
        return "none"
    shown = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{shown}`"


def _meaning(field: FieldInfo) -> str:
    choices = [item for item in get_args(field.annotation) if isinstance(item, str)]
    allowed = f" One of {_codes(choices)}." if choices else ""
    return f"{field.description}{_bounds(field)}{allowed}".replace("|", "\\|")


def _bounds(field: FieldInfo) -> str:
    """The limits of a number in words."""
    limits: dict[str, Any] = {}
    for item in field.metadata:
        limits |= {name: getattr(item, name) for name in ("ge", "gt", "le") if getattr(item, name, None) is not None}
    words = {"ge": "at least", "gt": "above", "le": "at most"}
    said = [f"{words[name]} {value}" for name, value in limits.items()]
    return f" {' and '.join(said).capitalize()}." if said else ""


def _by_advice(table: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    grouped: dict[str, list[str]] = {}
    for key, says in table.items():
        grouped.setdefault(says, []).append(key)
    return list(grouped.items())


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
