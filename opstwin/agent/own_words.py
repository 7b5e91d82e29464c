"""What a person said in a conversation, as the twin keeps it: a checkpoint alone makes nobody an author."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opstwin.agent.state import own_words
from opstwin.control.confiding import confided
from opstwin.control.ledger import Ledger
from opstwin.domain.spoken_secrets import without_spoken
from opstwin.domain.thread import LONGEST, Thread
from opstwin.tools.veiling import Veil


@dataclass(frozen=True, slots=True)
class Spoken:
    """`words` of the turn that was kept, without secrets; `remarks` are all that is remembered, those words included.

    `words` are empty where the thread in the twin does not have them. `language` is that of the turn.
    """

    words: str = ""
    remarks: tuple[str, ...] = ()
    language: str = "en"


async def spoken_in(ledger: Ledger, veil: Veil, thread_id: str, kept: Mapping[str, Any]) -> Spoken:
    """What was said in a thread. One that stands nowhere in the twin has what was kept of its steps."""
    words, language = str(kept.get("words", "")), str(kept.get("language") or "en")
    thread = await ledger.get(Thread, thread_id)
    if thread is None:
        return Spoken(words, tuple(dict.fromkeys([*own_words(kept), *filter(None, [words])])), language)
    remarks = tuple(item.text for item in thread.remarks if item.by == "user")
    as_kept = veil.over(without_spoken(confided(words))).strip()[:LONGEST]
    return Spoken(words if as_kept in remarks else "", remarks, language)
