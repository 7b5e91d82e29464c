"""A look at a target in short: how much is there, and what is not as it was."""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.domain.values import Json
from opstwin.tools.cells import plain, plural, without_empty

_KINDS: Final = ("unknown", "gone", "changed", "new")
"""What a look tells apart, the most worrying first."""

_ATTENTION: Final = frozenset({"unknown", "gone"})
_FEW: Final = 10


def discovery_brief(found: Mapping[str, Any]) -> Mapping[str, Json]:
    """The counts, the first of each kind of news, and the next call."""
    target = found["target"]
    news = [(kind, plain(id, 360)) for kind in _KINDS for id in found[kind]]
    told = [(kind, f"{id} {kind}") for kind, id in news[:_FEW]]
    rest = len(news) - len(told)
    return without_empty(
        {
            "summary": f"{target}: {plural(found['found'], 'resource')} there, {_news(len(news))}.",
            "counts": without_empty({"news": {kind: len(found[kind]) for kind in _KINDS if found[kind]}}),
            "exceptions": [line for kind, line in told if kind in _ATTENTION],
            "items": [line for kind, line in told if kind not in _ATTENTION]
            + ([f"{rest} more: response_format=detailed"] if rest else []),
            "observed_at": found["observed_at"],
            "hint": f"twin_query(target={target}), then plan_create(…)",
        }
    )


def _news(number: int) -> str:
    return f"{number} of them not as before" if number else "nothing new"
