"""Manifests as YAML text: read strictly with the line of everything, written in one order with the reasons beside."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.forms import Manifest, ordered
from opstwin.manifests.nodes import ListNode, MapNode, Node, Path, Place, fault, place_of, plain
from opstwin.manifests.yaml_building import Limits
from opstwin.manifests.yaml_loading import load_documents
from opstwin.manifests.yaml_writing import single
from opstwin.manifests.yaml_writing import text_of as quoted

LIMITS: Final = Limits(size_bytes=16 * 1024 * 1024, values=1_000_000, depth=100)
"""Ten thousand manifests of a hundred values each. Schemas inside custom resource definitions are 60 levels deep."""

_UNSHOWN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]+"
)
_IN_BLOCK: Final = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]+")
"""What a literal block can hold as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One manifest of a text. `index` counts documents from 0, an item of a List has that of its List."""

    value: dict[str, Json]
    index: int
    node: MapNode

    @property
    def line(self) -> int:
        """The line that it begins on, from 1."""
        return self.node.place.line

    def place(self, path: Path) -> Place:
        """Where a path of it stands; for one that does not exist, where its nearest parent does."""
        return place_of(self.node, path)


def read_documents(text: str) -> tuple[Document, ...]:
    """Every manifest of a YAML or JSON text; a `List` gives its items, empty documents are left out.

    Raises `LimitExceeded` above 16 MiB, a million values (aliases written out) or 100 levels, and `InvalidInput` with
    line and column for syntax, keys that are there twice, tags, and documents that are no mapping.
    """
    found: list[Document] = []
    for index, node in enumerate(load_documents(text, LIMITS)):
        found += [
            Document(value=_object(item), index=index, node=item) for item in _items(node, f"document {index + 1}")
        ]
    return tuple(found)


def text_of(manifests: Sequence[Manifest] | Sequence[Mapping[str, Json]], *, language: str = "") -> str:
    """The manifests as one text, each after a line `---`; with `language` (en or ko) the reasons stand on their lines.

    The same manifests give the same bytes, and reading the text gives the same values.
    """
    return "".join(f"---\n{text}" for text in (_written(item, language) for item in manifests))


def remarks(lines: Iterable[str]) -> str:
    """Lines of comment, safe to put before a text whatever they hold."""
    return "".join(f"# {_comment(line)}\n" for line in lines)


def _written(item: Manifest | Mapping[str, Json], language: str) -> str:
    if not isinstance(item, Manifest):
        return "".join(f"{line}\n" for line in _Writer({}).lines(ordered(item), ""))
    reasons: dict[str, str] = {}
    for decision in item.decisions if language else ():
        why = decision.why_ko if language == "ko" else decision.why
        reasons.setdefault(decision.path, f"{why} [{decision.source}]")
    return "".join(f"{line}\n" for line in _Writer(reasons).lines(item.document, ""))


class _Writer:
    """Writes block YAML, with a comment behind the line of every path that has one."""

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments

    def lines(self, value: Json, path: str) -> Iterator[str]:
        """The lines of a mapping or list that is not empty, or of a single value."""
        if isinstance(value, dict) and value:
            for key, item in value.items():
                yield from self._entry(quoted(key), item, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and value:
            for number, item in enumerate(value):
                yield from self._item(item, f"{path}[{number}]")
        else:
            yield single(value)

    def _entry(self, key: str, item: Json, path: str) -> Iterator[str]:
        comment = self._behind(path)
        if isinstance(item, dict | list) and item:
            yield f"{key}:{comment}"
            indent = "  " if isinstance(item, dict) else ""
            yield from (indent + line for line in self.lines(item, path))
        elif isinstance(item, str) and _fits_block(item):
            yield f"{key}: {'|' if item.endswith(chr(10)) else '|-'}{comment}"
            yield from (f"  {line}" if line else "" for line in item.removesuffix("\n").split("\n"))
        else:
            yield f"{key}: {single(item)}{comment}"

    def _item(self, item: Json, path: str) -> Iterator[str]:
        nested = isinstance(item, dict | list) and bool(item)
        comment = self._behind(path)
        for number, line in enumerate(self.lines(item, path)):
            first = "- " + line + ("" if nested else comment)
            yield first if number == 0 else "  " + line if line else ""

    def _behind(self, path: str) -> str:
        comment = self._comments.get(path)
        return f"  # {_comment(comment)}" if comment else ""


def _fits_block(text: str) -> bool:
    """Whether a literal block gives exactly this text back: lines, none of them odd at its beginning or end."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    return (
        len(lines) > 1
        and _IN_BLOCK.fullmatch(text) is not None
        and lines[0][:1] not in ("", " ", "#")
        and lines[-1] != ""
        and all(line == line.rstrip() for line in lines)
    )


def _comment(text: str) -> str:
    return _UNSHOWN.sub(" ", text).strip()


def _items(node: Node, where: str) -> Iterator[MapNode]:
    if not isinstance(node, MapNode):
        raise fault(
            "A manifest must be a mapping of keys to values.",
            place=node.place,
            field=where,
            next_step="Begin it with apiVersion: and kind:.",
        )
    items = node.items.get("items")
    kind = node.items.get("kind")
    is_list = isinstance(items, ListNode) and kind is not None and plain(kind) == "List"
    if is_list and isinstance(items, ListNode):
        for number, item in enumerate(items.items):
            yield from _items(item, f"items[{number}]")
    else:
        yield node


def _object(node: MapNode) -> dict[str, Json]:
    return {key: plain(item) for key, item in node.items.items()}
