"""What a request decides already, so that no draft decides it again."""

import re
from typing import Final

from opstwin.control.confiding import confided
from opstwin.domain.ask import Ask as Asked
from opstwin.tools.wanted import Wanted

_SIZES: Final = frozenset({"memory", "cpu"})
_ONE: Final = re.compile(
    r"\b(?:1|one|single)\s+(?:replica|copy|instance)\b"
    r"|\breplicas?\s*(?:=|:|of|to)?\s*1(?![0-9])"
    r"|(?:복제본|레플리카|인스턴스)\S*\s*(?:1|한|하나)|(?<![0-9])(?:1|한)\s?개\S*\s*(?:복제본|레플리카|인스턴스)",
    re.IGNORECASE,
)
"""One replica, said in words or in a file: as by default, and all the same a wish."""


def said_in(ask: Wanted) -> frozenset[str]:
    """What was decided: whoever names a profile names the sizes, and whoever says one replica wants no more."""
    said = _SIZES if ask.options.profile is not None else frozenset[str]()
    return said | {"replicas", "autoscale"} if _ONE.search(ask.words or ask.file or "") else said


def words_of(ask: Wanted, said: Asked) -> str:
    """What the person said, without the values of secret variables."""
    return confided(ask.words or "", said.workload.env if said.workload is not None else {})
