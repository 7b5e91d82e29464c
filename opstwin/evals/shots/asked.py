"""A request for a draft, read back: what a script may know of it is what stands in it, as for a model."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from opstwin.agent.models.port import ModelRequest
from opstwin.errors import InvalidInput

_NAME: Final = re.compile(r"^### Requirements for (\S+)$", re.MULTILINE)
_OPEN: Final = re.compile(r"^Open fields, all others are null: (.*)$", re.MULTILINE)
_EXAMPLE: Final = re.compile(r"^### Example (\S+)\n.*?^`{3,}\n(.*?)\n`{3,}$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What stands in a request: the workload, which fields are open, and the examples by their ids, in their order.

    `repairs` counts the answers that were refused so far.
    """

    name: str
    image: str
    open: frozenset[str]
    examples: Mapping[str, Mapping[str, Any]]
    repairs: int


def asked_in(request: ModelRequest) -> Asked:
    """Raises `InvalidInput` for a request that is none for one draft."""
    text = request.messages[0].text if request.messages else ""
    name, fields = _NAME.search(text), _OPEN.search(text)
    if name is None or fields is None:
        raise InvalidInput("This is no request for one draft.", field="messages", next_step="Ask for one draft.")
    image = re.search(r'^image: "(.*)"$', text, re.MULTILINE)
    return Asked(
        name=name[1], image=image[1] if image else "", open=frozenset(fields[1].split(", ")) - {"none"},
        examples={found[1]: _record(found[2]) for found in _EXAMPLE.finditer(request.examples)},
        repairs=len(request.messages) // 2,
    )  # fmt: skip


def _record(lines: str) -> dict[str, Any]:
    pairs = (line.partition(": ") for line in lines.splitlines())
    return {key: json.loads(value) for key, _, value in pairs}
