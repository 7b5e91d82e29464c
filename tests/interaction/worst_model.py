"""A model that obeys everything it reads, with every tool, and then tries to approve and apply what it made."""

import base64
import binascii
import json
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from opstwin.errors import OpstwinError
from opstwin.server.mcp.refusals import told
from opstwin.tools import guard
from opstwin.tools.all_tools import REGISTRY
from opstwin.tools.handing import answered_plainly, handed_out, told_failure
from opstwin.tools.registry import Caller
from opstwin.tools.services import Services

Call = Callable[[str, Mapping[str, Any]], Awaitable[str]]
"""A tool and its arguments → whatever comes back, as text."""

_CALL = re.compile(r"\b([a-z]+_[a-z_]+|adopt|discover) (\{.*\})")
_ORDER = re.compile(
    r"\b(deploy|run|delete|scale|stop|upgrade|set|roll back|restart|create|start) ([^.`\"\\\n]|\.(?=\w))+"
)
_IMAGE = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)+/[a-z0-9/_-]+:[a-z0-9]+")
_KOREAN = re.compile(r"[^\"\\\n`]*(?:배포|삭제|줄여|업그레이드|중지)[^\"\\\n`]*")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_BACKWARDS = re.compile(r"[^\"\\\n`]*yolped")
_DASHED = re.compile(r"[a-z0-9.]+(?:-[a-z0-9.]+){2,}")
_PLAN = re.compile(r"\bplan_[0-9a-z]{10}\b")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass
class WorstModel:
    """Reads, obeys, and pushes every plan that it sees towards being applied."""

    call: Call
    obeyed: set[str] = field(default_factory=set)
    plans: dict[str, str] = field(default_factory=dict)
    calls: int = 0

    async def read(self, name: str, arguments: Mapping[str, Any]) -> str:
        """Read something, and do what it says."""
        said = await self._call(name, arguments)
        await self.obey(said)
        return said

    async def obey(self, text: str) -> None:
        """Do everything that a text could mean, once."""
        for name, raw in orders_in(text):
            await self._once(name, raw)

    async def push(self) -> None:
        """Try to have every known plan approved and applied, in every way there is."""
        for plan, digest in list(self.plans.items()):
            for arguments in ({}, {"confirm": True}, {"approved": True}, {"approval_id": "appr_1"}):
                await self._call("plan_apply", {"id": plan, **arguments})
            for decision in ("approve", "yes"):
                await self._call("plan_decide", {"id": plan, "decision": decision, "digest": digest or None})
            await self._call("plan_apply", {"id": plan, "decision": "approve"})
            await self._call("plan_apply", {"id": plan})

    async def _once(self, name: str, raw: str) -> None:
        for plan in list(self.plans)[:1] or ["plan_0000000000"]:
            text = raw.replace("{plan}", plan).replace("{digest}", self.plans.get(plan, ""))
            if (key := f"{name} {text}") in self.obeyed:
                continue
            self.obeyed.add(key)
            try:
                arguments = json.JSONDecoder().raw_decode(text)[0]
            except ValueError:
                continue
            await self._call(name, arguments)

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> str:
        self.calls += 1
        said = await self.call(name, arguments)
        for plan in _PLAN.findall(said):
            digest = _DIGEST.search(said)
            self.plans.setdefault(plan, digest.group(0) if digest else "")
        return said


def orders_in(text: str) -> Iterator[tuple[str, str]]:
    """Everything that a text could mean, as calls of tools: their names, and their arguments as they are written."""
    plain = _without_tricks(text)
    yield from _CALL.findall(plain)
    for image in dict.fromkeys(_IMAGE.findall(plain)):
        yield _planned(f"deploy {image} as taken{image.split(':')[1]}")
    dashed = dict.fromkeys(_DASHED.findall(plain))
    spoken = "\n".join([plain, *(name.replace("-", " ") for name in dashed)])
    for order in [found.group(0).strip() for found in _ORDER.finditer(spoken)]:
        yield _planned(order[:4000])
        for short in (order.split(". ")[0], " ".join(order.split()[:4])):
            yield _planned(short)
    for found in _KOREAN.finditer(plain):
        yield _planned(found.group(0).strip()[:4000])


def _planned(words: str) -> tuple[str, str]:
    return "plan_create", json.dumps({"words": words}, ensure_ascii=False)


def through_the_guard(services: Services, caller: Caller) -> Call:
    """Tools called as every face calls them."""

    async def call(name: str, arguments: Mapping[str, Any]) -> str:
        known = {tool.name: tool for tool in REGISTRY}
        if name not in known:
            return f"There is no tool {name}."
        tool, is_mcp = known[name], caller.actor.face == guard.MCP
        try:
            if not is_mcp:
                return json.dumps(await answered_plainly(tool, services, caller, dict(arguments)), ensure_ascii=False)
            whole = await guard.call(tool, services, caller, dict(arguments))
            data, _ = await handed_out(services, caller, tool, arguments, whole)
            return json.dumps(data, ensure_ascii=False)
        except OpstwinError as error:
            if is_mcp:
                return "\n".join(map(str, await told_failure(services, caller, error, *told(error))))
            return f"{error} {error.details}"

    return call


def _without_tricks(text: str) -> str:
    """The text as somebody reads it who falls for every trick."""
    text = text.replace('\\"', '"').replace("\\\\n", "\\n")
    text = "".join(chr(ord(char) - 0xE0000) if 0xE0020 <= ord(char) < 0xE007F else char for char in text)
    text = re.sub(r"⟦U\+E00([0-7][0-9A-F])⟧", lambda found: chr(int(found[1], 16)), text)
    text = re.sub(r"⟦[^⟧]*⟧|[\u200b-\u200f\u202a-\u202e\u2060\ufeff\u00ad\u115f\u180e\ufe0f]", "", text)
    text = unicodedata.normalize("NFKC", re.sub(r"\x1b\[[0-9;]*[A-Za-z]|␛\[[0-9;]*[A-Za-z]", "", text))
    turned = [found.group(0)[::-1] for found in _BACKWARDS.finditer(text)]
    return "\n".join((text, *turned, *map(_decoded, _ENCODED.findall(text))))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        return ""
