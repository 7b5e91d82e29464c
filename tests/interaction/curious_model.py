"""A provider whose model reads all that it can with the tools that it is offered, and keeps what it was sent."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opstwin.agent.models.port import ToolCall
from opstwin.agent.models.scripted import Turn, calling
from opstwin.agent.models.scripted_server import Got
from tests.unit.agent.drafting.briefs import answer

AT_ONCE = 6
"""Calls of one reply, as many as the agent answers."""


@dataclass
class Curious:
    """Asks for everything in `reads`, a few at a time; a request for a draft gets one."""

    reads: Sequence[tuple[str, Mapping[str, Any]]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, body: Mapping[str, Any]) -> Turn:
        """The next answer."""
        names = offered_in(body)
        if not names:
            is_draft = "expert in Kubernetes" in text_in(body)
            return json.dumps(answer(examples=[], probe=None)) if is_draft else "That is all."
        left = [item for item in self.reads if item[0] in names and _key(*item) not in self.asked][:AT_ONCE]
        self.asked += [_key(*item) for item in left]
        if not left:
            return "That is all."
        return calling(*(ToolCall(id=f"c{n}", name=name, arguments=raw) for n, (name, raw) in enumerate(left)))


def offered_in(body: Mapping[str, Any]) -> set[str]:
    """The names of the tools in a request, in either vendor's format."""
    return {str(tool.get("name") or tool["function"]["name"]) for tool in body.get("tools") or ()}


def text_in(body: Any) -> str:
    """Every text of a request, names of fields too, as the model reads it."""
    return "\n".join(_texts(body))


def whole(got: Got) -> str:
    """All that was on the wire but the key: the path, the other headers, the body as it came and as it is read."""
    headers = {name: value for name, value in got.headers.items() if name not in ("authorization", "x-api-key")}
    return "\n".join((got.path, json.dumps(headers), got.body.decode(), text_in(got.data)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _key(name: str, raw: Mapping[str, Any]) -> str:
    return f"{name} {json.dumps(raw, sort_keys=True)}"
