"""What a question is about: names that it mentions, and the kind and the health of what it asks for."""

import re
from collections.abc import Mapping
from typing import Final

from opstwin.agent.phrases import LONGEST

_NAME: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_BEHIND: Final = (
    r"is|are|does|did|was|has|status of|state of|health of|logs? (?:of|from|for)|logs?|output of|show(?: me)?|describe",
    r"list|get|diagnose|check(?: on)?|about|how(?:['’]s| is| are)|history (?:of|for)|happened (?:to|with|on)",
    r"(?:wrong|matter|problem|issue|happening) with|changed? (?:in|on|with)|deployed|(?:version|image|ports?|use) of",
    (
        r"usage (?:of|for)|(?:won['’]?t|can['’]?t|isn['’]?t|doesn['’]?t)|uses?|explain|compare"
        r"|(?:do|does) (?:we|i) have|(?:is|are) there"
    ),
)
_BETWEEN: Final = (
    "the my our a an container workload service pod app application target current status state health logs? history "
    "of for deployment to with"
)
_SUBJECT: Final = re.compile(
    rf"\b(?:{'|'.join(_BEHIND)})\s+(?:(?:{_BETWEEN.replace(' ', '|')})\s+)*"
    rf"({_NAME})(?![a-z0-9/:@_=-]|\.[a-z0-9])",
    re.IGNORECASE,
)
_FIRST: Final = re.compile(
    rf"^\W*({_NAME}) (?:logs?|status|health|history|is (?:down|slow|stuck|broken|dead))\b", re.IGNORECASE
)
_PLACE: Final = re.compile(rf"\b(?:on|in)\s+(?:(?:the|target|server|cluster)\s+)*({_NAME})\W*$", re.IGNORECASE)
_ASCII: Final = re.compile(rf"(?<![A-Za-z0-9/:.@_=-])({_NAME})(?![A-Za-z0-9/:@_=-]|\.[A-Za-z0-9])")
_COMMON: Final = """
a about after again ago alive all already and any anything app apps application applications approval approvals are
at available back bad be before being big broken by can change changed changes check cluster clusters compare
configured container containers cpu crashing current currently day days dead deployed deployment deployments did
diff difference different differs do docker does doing down drift drifted drifting each env error errors every
everything everyone execution executions fail failed failing failure fine for free from full get going good happen
happened happening has have health healthy help here history host hour hours how i if image images in info
information installed is issue issues it its job jobs kubernetes last late latest left like list load log logs
made many me memory metrics minute minutes month more most my namespace namespaces need needs network networks new
next no node nodes not now of off ok okay old on one ones online open our or out output overview pending
plan plans please pod pods port ports problem problems public ram ready recent recently replica replicas resource
resources restart restarted restarting restarts right run runs running same secret secrets server servers service
services should slow so some something start started starting state stateful status still stop stopped stuck
summary system tag tags target targets tell than that the their them then there these they thing things this those
time to today tonight too twin unhealthy up update updated us use used uses using version versions volume volumes
waiting was we week were what what's when where which who why will with work working workload workloads would
wrong year yesterday yet you your
"""
_NO_NAMES: Final = frozenset({*_COMMON.split(), "opstwin"})
_SORTS: Final[Mapping[str, str]] = {
    "container": r"\bcontainers?\b|컨테이너", "image": r"\bimages?\b|이미지", "volume": r"\bvolumes?\b|볼륨",
    "network": r"\bnetworks?\b|네트워크",
    "workload": r"\b(?:workloads?|apps?|applications?|services?)\b|워크로드|앱|서비스",
    "pod": r"\bpods?\b|파드|포드", "node": r"\bnodes?\b|노드",
}  # fmt: skip
_HEALTHS: Final[Mapping[str, str]] = {
    "unhealthy": r"\b(?:unhealthy|broken|failing)\b|비정상|건강하지 않",
    "stopped": r"\b(?:stopped|not running|exited|down)\b|멈춘|멈춰 ?있|중지된|정지된|꺼진|꺼져 ?있",
    "starting": r"\bstarting\b|시작 중",
}

_PERIODS: Final[Mapping[str, tuple[str, int]]] = {
    "day": (r"\b(?:today|tonight|24 hours)\b|오늘|24시간", 1),
    "two_days": (r"\b(?:yesterday|last night)\b|어제|어젯밤", 2),
    "week": (r"\b(?:this|last|past) week\b|\b7 days\b|이번 ?주|지난 ?주|일주일", 7),
}  # fmt: skip


def mentioned(words: str, language: str) -> tuple[str, ...]:
    """What can only be a name of something, in order: behind "is", "logs of" and the like, or in a Korean text."""
    text = words[:LONGEST]
    if language == "ko":
        found = _ASCII.findall(text)
    else:
        first = _FIRST.match(text)
        found = [*([first[1]] if first else []), *(match[1] for match in _SUBJECT.finditer(text))]
    return tuple(dict.fromkeys(word for word in found if _is_name(word)))


def place_in(words: str) -> str:
    """What stands where a target does: behind "on" or "in" at the end of a question; empty where nothing does."""
    found = _PLACE.search(words[:LONGEST])
    return found[1] if found is not None and _is_name(found[1]) else ""


def sort_of(words: str) -> str:
    """The kind of resource that is asked for; empty where none is named."""
    return _among(_SORTS, words)


def health_of(words: str) -> str:
    """The health that is asked for, in a question about several; empty where none is named."""
    return _among(_HEALTHS, words)


def period_of(words: str) -> tuple[str, int]:
    """Which time is asked about, and how many days back that reaches; nothing and 0 where none is named."""
    found = (name for name, (form, _) in _PERIODS.items() if re.search(form, words[:LONGEST], re.IGNORECASE))
    name = next(found, "")
    return name, _PERIODS[name][1] if name else 0


def _is_name(word: str) -> bool:
    return word == word.lower() and word not in _NO_NAMES and not word.isdigit()


def _among(forms: Mapping[str, str], words: str) -> str:
    return next((name for name, form in forms.items() if re.search(form, words[:LONGEST], re.IGNORECASE)), "")
