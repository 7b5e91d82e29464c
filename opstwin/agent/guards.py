"""What keeps a model's words harmless: nothing in them reaches out, and nothing that they claim is taken for true."""

import json
import re
from collections.abc import Mapping
from typing import Final

from opstwin.domain.text import inert, visible
from opstwin.domain.values import Json
from opstwin.tools.untrusted import LABEL

MAX_ANSWER: Final = 12_000

_ADDRESS: Final = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]{1,20}:)?//[^\s<>()\[\]\"'`]+|\b(?:data|javascript|mailto):\S+")
_BARE: Final = re.compile(r"\bwww\.[^\s<>()\[\]\"'`]+")
_DEFINES: Final = re.compile(r"\]:\s*\Z")
_SORRY: Final = re.compile(
    r"^\W*(?:i['’]?m (?:so |very )?sorry|i apologi[sz]e|sorry|apologies|my apologies|unfortunately,? i|죄송)", re.I
)
_DONE: Final = re.compile(
    r"\b(?:i(?:['’]ve| have)? (?:now |just |already )?(?:approved|applied|deployed|deleted|scaled|executed|rolled back)"
    r"|(?:is|are|was|were|been|has) (?:now |already )?(?:approved|applied)\b)"
    r"|(?:승인|적용|배포|삭제)(?:했|되었|됐)",
    re.I,
)
_FENCE: Final = re.compile(
    rf"^{LABEL} (\w+): [^\n]*\n(`{{3,}})\n(.*?)\n\2\nend of {LABEL} \1$", re.DOTALL | re.MULTILINE
)
_OPENED: Final = re.compile(rf"^{LABEL} (\w+): [^\n]*\n(`{{3,}})\n", re.MULTILINE)
_FOR_MODELS: Final = re.compile(r"^(?:More: cursor=.*|Next: .*\b[a-z]+_[a-z_]+\(.*)\n?", re.MULTILINE)
SHORT_SORRY: Final = 400
_LEAD: Final = re.compile(r"\W*")
_LEAST: Final = 16
"""Letters of a text's start by which it is known whether it is an apology: the longest form has as many."""


def harmless(text: str, own_url: str = "") -> str:
    """A model's text as it is shown: no images, links or HTML, no address but the hub's own, no hidden characters."""
    return disarmed(text[:MAX_ANSWER], own_url).strip()


def disarmed(text: str, own_url: str = "") -> str:
    """The same for a part of a text, of any length, with the spaces around it."""
    return _BARE.sub(_defanged, _ADDRESS.sub(lambda found: _kept(found, own_url), inert(visible(text))))


def uncut(text: str) -> int:
    """How much of the start of a text that goes on `disarmed` may take by itself; it ends behind a space.

    Addresses have no space in them; only a definition's `]:` looks at what stands behind one.
    """
    cut = max(text.rfind(space) for space in " \n") + 1
    while (found := _DEFINES.search(text, 0, cut)) is not None:
        cut = max(text.rfind(space, 0, found.start()) for space in " \n") + 1
    return cut


def unfenced(text: str) -> str:
    """A tool's text for people, without the labels and fences that tell a model what in it is data."""
    return _FENCE.sub(lambda found: found[3], text)


def for_people(text: str) -> str:
    """A tool's text as `unfenced`, without the lines that name a model's next calls: people type other commands."""
    return _FOR_MODELS.sub("", unfenced(text)).rstrip()


def shortened(text: str, limit: int) -> str:
    """The start of a tool's text. A fence that the cut left open is closed: what follows must not stand inside it."""
    cut = text[:limit]
    last = max(_OPENED.finditer(cut), key=lambda found: found.start(), default=None)
    if len(text) <= limit or last is None or f"\nend of {LABEL} {last[1]}" in cut[last.end() :]:
        return cut
    return f"{cut}…\n{last[2]}\nend of {LABEL} {last[1]}"


def is_apology(text: str) -> bool:
    """Whether it is an apology and no answer."""
    return len(text) <= SHORT_SORRY and _SORRY.match(text) is not None


def may_be_apology(text: str) -> bool:
    """Whether the start of a text is, or may become, that of an apology and no answer."""
    if len(text) > SHORT_SORRY:
        return False
    lead = _LEAD.match(text)
    return _SORRY.match(text) is not None or len(text) - (lead.end() if lead else 0) < _LEAST


def claims_effect(text: str) -> bool:
    """Whether it says that something was approved or done."""
    return _DONE.search(text) is not None


def call_key(name: str, arguments: Mapping[str, Json]) -> str:
    """What two calls have in common that are the same."""
    return f"{name} {json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)}"


def _kept(found: re.Match[str], own_url: str) -> str:
    address = found[0]
    is_own = bool(own_url) and (address == own_url or address.startswith(f"{own_url}/"))
    return address if is_own else _defanged(found)


def _defanged(found: re.Match[str]) -> str:
    return f"⟦link: {found[0][:80].replace('//', '/ /').replace('.', '[.]')}⟧"
