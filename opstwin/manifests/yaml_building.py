"""Builds nodes from the parser's events and counts them, so that little text cannot become much data."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from opstwin.manifests.nodes import ListNode, MapNode, Node, Place, Scalar, fault
from opstwin.manifests.yaml_faults import MAX_DEPTH, duplicate, place_at, tagged, too_big, too_deep

MAX_NODES: Final = 10_000
"""Values in one text with every alias written out: a hundred workloads of a hundred values each."""

_MERGE: Final = "<<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a text is read: bytes of the text, values with aliases written out, levels."""

    size_bytes: int = 1024 * 1024
    values: int = MAX_NODES
    depth: int = MAX_DEPTH


class Builder:
    """Builds nodes from events, counting what has been built."""

    def __init__(self, events: Iterator[Event], limits: Limits) -> None:
        self._events, self._limits = events, limits
        self._anchors: dict[str, Node] = {}
        self._open: set[str] = set()
        self._spent = 0

    def documents(self) -> Iterator[Node]:
        """Each document that is not empty."""
        for event in self._events:
            if isinstance(event, StreamStartEvent | StreamEndEvent | DocumentEndEvent):
                continue
            if isinstance(event, DocumentStartEvent):
                self._anchors.clear()
                self._spend(1, place_at(event.start_mark))
                continue
            node = self._node(event, 1)
            if not (isinstance(node, Scalar) and node.value is None):
                yield node

    def _node(self, event: Event, depth: int) -> Node:
        place = place_at(event.start_mark)
        if depth > self._limits.depth:
            raise too_deep(place, self._limits.depth)
        if isinstance(event, AliasEvent):
            return self._alias(event, depth)
        assert isinstance(event, ScalarEvent | CollectionStartEvent)
        self._spend(1, place)
        if event.tag is not None:
            raise tagged(place)
        if event.anchor is not None:
            self._open.add(event.anchor)
        node = self._built(event, place, depth)
        if event.anchor is not None:
            self._open.discard(event.anchor)
            self._anchors[event.anchor] = node
        return node

    def _built(self, event: Event, place: Place, depth: int) -> Node:
        if isinstance(event, SequenceStartEvent):
            return self._list(place, depth)
        if isinstance(event, MappingStartEvent):
            return self._map(place, depth)
        assert isinstance(event, ScalarEvent)
        return Scalar(_joined(event.value, place), plain=event.style is None, place=place)

    def _alias(self, event: NodeEvent, depth: int) -> Node:
        place = place_at(event.start_mark)
        node = self._anchors.get(event.anchor)
        if node is None or event.anchor in self._open:
            raise fault(
                f"The alias *{str(event.anchor)[:80]} has no anchor before it.",
                place=place,
                next_step="Write the value out.",
            )
        self._spend(node.size, place)
        if depth + node.height - 1 > self._limits.depth:
            raise too_deep(place, self._limits.depth)
        return node

    def _list(self, place: Place, depth: int) -> ListNode:
        items: list[Node] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return ListNode(tuple(items), place, *_measure(items))

    def _map(self, place: Place, depth: int) -> MapNode:
        items: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        merged: dict[str, tuple[Node, Place]] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            name, is_merge, key_place = self._key(event, depth)
            if name in keys:
                raise duplicate(name, key_place, keys[name])
            keys[name] = key_place
            value = self._node(next(self._events), depth + 1)
            if is_merge:
                merged = _merged(value, key_place)
                continue
            items[name] = value
        for name, (node, where) in merged.items():
            if name not in items:
                items[name], keys[name] = node, where
        return MapNode(items, keys, place, *_measure(items.values()))

    def _key(self, event: Event, depth: int) -> tuple[str, bool, Place]:
        node = self._node(event, depth + 1)
        if not isinstance(node, Scalar):
            raise fault("A key must be a single value.", place=node.place, next_step="Use a word as the key.")
        return node.text, node.plain and node.text == _MERGE, node.place

    def _spend(self, size: int, place: Place) -> None:
        self._spent += size
        limit = self._limits.values
        if self._spent > limit:
            raise too_big(
                f"The text holds more than {limit} values when its aliases are written out ({place}).",
                "Split it into smaller files, without aliases of aliases.",
                "values",
                limit,
            )


def _merged(node: Node, place: Place) -> dict[str, tuple[Node, Place]]:
    """What `<<` brings in: one mapping, or several of which the first wins."""
    sources = node.items if isinstance(node, ListNode) else (node,)
    found: dict[str, tuple[Node, Place]] = {}
    for source in sources:
        if not isinstance(source, MapNode):
            raise fault(
                "<< takes a mapping or a list of mappings.", place=place, next_step="Write the values out instead."
            )
        for key, value in source.items.items():
            found.setdefault(key, (value, source.keys[key]))
    return found


def _measure(members: Collection[Node]) -> tuple[int, int]:
    return 1 + sum(node.size for node in members), 1 + max((node.height for node in members), default=0)


def _joined(text: str, place: Place) -> str:
    """`text` with the surrogate pairs of JSON escapes made one character each."""
    if not any("\ud800" <= char <= "\udfff" for char in text):
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError as error:
        raise fault(
            "An escape stands for half a character.", place=place, next_step="Write the character itself."
        ) from error
