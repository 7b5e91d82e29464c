"""One manifest while it is checked: what it is, where its fields stand, and what was found so far."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from opstwin.domain.values import Json
from opstwin.manifests.checks.findings import Finding, Level, shown
from opstwin.manifests.checks.rules import RULES, Rule
from opstwin.manifests.forms import text_at
from opstwin.manifests.nodes import Path, Place, written

Object: TypeAlias = dict[str, Json]
Locate: TypeAlias = Callable[[Path], Place | None]


def nowhere(_: Path) -> Place | None:
    """The place in a manifest that did not come from a text."""
    return None


def below(locate: Locate, path: Path) -> Locate:
    """Places in a manifest that stands at `path` of a document."""
    return (lambda rest: locate((*path, *rest))) if path else locate


@dataclass(slots=True)
class Sheet:
    """A manifest and its findings. `default_namespace` is where it goes when it names none."""

    value: Object
    source: str = ""
    locate: Locate = nowhere
    default_namespace: str = "default"
    findings: list[Finding] = field(default_factory=list)
    api: str = ""
    kind: str = ""
    name: str = ""
    namespace: str = ""

    def __post_init__(self) -> None:
        """Read what it is."""
        self.api, self.kind = text_at(self.value, "apiVersion"), text_at(self.value, "kind")
        self.name = text_at(self.value, "metadata", "name")
        self.namespace = text_at(self.value, "metadata", "namespace") or self.default_namespace

    @property
    def subject(self) -> str:
        """`Deployment shop/web`."""
        own = text_at(self.value, "metadata", "namespace")
        name = self.name or text_at(self.value, "metadata", "generateName")
        return shown(f"{self.kind or '?'} {own + '/' if own else ''}{name or '?'}")

    def add(self, rule: str, path: Path, **values: object) -> None:
        """Note a breach of a built-in rule at `path`; `field` is the path unless it is given."""
        texts = {"field": shown(written(path)), **{key: shown(value) for key, value in values.items()}}
        self.findings.append(self._finding(RULES[rule], path, texts))

    def add_own(self, rule: Rule, path: Path = ()) -> None:
        """Note a breach of a rule of the user; its texts are taken as they are."""
        self.findings.append(self._finding(rule, path, None))

    def _finding(self, rule: Rule, path: Path, texts: Mapping[str, str] | None) -> Finding:
        place = self.locate(path)
        return Finding(
            rule=rule.id, level=Level(rule.level), subject=self.subject, path=path, source=self.source,
            message=_filled(rule.message, texts), message_ko=_filled(rule.message_ko, texts),
            fix=_filled(rule.fix, texts), fix_ko=_filled(rule.fix_ko, texts),
            line=place.line if place else 0, column=place.column if place else 0,
        )  # fmt: skip


def _filled(text: str, texts: Mapping[str, str] | None) -> str:
    return text if texts is None or "{" not in text else text.format_map(texts)


def mapping(value: Json, *steps: str) -> Object:
    """The mapping below `steps`, empty where there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def listed(value: Json) -> list[Json]:
    """The value when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def objects(value: Json) -> Iterable[tuple[int, Object]]:
    """The mappings in a list, each with its number."""
    return ((number, item) for number, item in enumerate(listed(value)) if isinstance(item, dict))


def text(value: Json) -> str:
    """The value when it is text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: Json) -> int | None:
    """The value when it is a whole number, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None
