"""What a conversation keeps between its steps: ids, short texts, counts. It holds no authority and no big outputs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypedDict

from opstwin.agent.guards import shortened
from opstwin.domain.values import Json
from opstwin.errors import Conflict

SCHEMA: Final = 1
"""Version of this state and of the graph's nodes. Raise it when a run of before could be taken up wrongly."""

MAX_WORDS: Final = 4000
MAX_SAID: Final = 1000
"""Characters of an answer that is remembered for the next turn's model."""

MAX_TALK: Final = 12
MAX_PLANS: Final = 50


class State(TypedDict, total=False):
    """One conversation. `schema` and `owner` are checked before anything is taken up again.

    `kind` is what is asked, `subject` and `target` about what. `proposal` is one call of a planning tool, not yet made.
    `draft` is what was filled in that nobody said, and why; it stays while its plan may be asked about.
    `plan_id` is the plan that was proposed last, `verdict` what was found of its decision after waking.
    """

    schema: int
    owner: str
    words: str
    language: str
    kind: str
    subject: str
    target: str
    proposal: dict[str, Json]
    draft: dict[str, Json]
    examples: list[str]
    confidence: float | None
    plan_id: str
    digest: str
    expires_at: str
    verdict: str
    execution_id: str
    outcome: str
    source: str
    why: str
    cost_usd: float | None
    input_tokens: int
    output_tokens: int
    steps: int
    repairs: int
    trouble: str
    began_at: str
    talk: list[list[str]]
    plans: list[str]


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "schema": (int,), "owner": (str,), "words": (str,), "language": (str,), "kind": (str,), "subject": (str,),
    "target": (str,), "proposal": (dict,), "draft": (dict,), "examples": (list,),
    "confidence": (float, int, type(None)),
    "plan_id": (str,), "digest": (str,), "expires_at": (str,), "verdict": (str,), "execution_id": (str,),
    "outcome": (str,), "source": (str,), "why": (str,), "cost_usd": (float, int, type(None)), "input_tokens": (int,),
    "output_tokens": (int,), "steps": (int,), "repairs": (int,), "trouble": (str,), "began_at": (str,),
    "talk": (list,), "plans": (list,),
}  # fmt: skip


def begun(owner: str, words: str, language: str, now: str, before: Mapping[str, Any]) -> State:
    """The state at the beginning of a turn. Of the turns before only what is still of use stays."""
    talk = _talk(before.get("talk", []))
    return State(
        schema=SCHEMA, owner=owner, words=words[:MAX_WORDS], language=language, kind="", subject="", target="",
        proposal={}, examples=[], confidence=None, verdict="", outcome="", source="", why="", cost_usd=0.0,
        input_tokens=0, output_tokens=0, steps=0, repairs=0, trouble="", began_at=now,
        plan_id=str(before.get("plan_id", "")), digest=str(before.get("digest", "")),
        expires_at=str(before.get("expires_at", "")), execution_id=str(before.get("execution_id", "")),
        talk=[*talk, ["user", words[:MAX_SAID]]][-MAX_TALK:],
        plans=[str(item) for item in before.get("plans", [])][-MAX_PLANS:], draft=dict(before.get("draft") or {}),
    )  # fmt: skip


def said(state: State, text: str) -> list[list[str]]:
    """What was talked, with an answer of ours."""
    return [*_talk(state.get("talk", [])), ["assistant", shortened(text, MAX_SAID)]][-MAX_TALK:]


def own_words(kept: Mapping[str, Any]) -> list[str]:
    """What the thread's owner said in it, as far as it is remembered, without secrets."""
    return [text for who, text in _talk(kept.get("talk", [])) if who == "user"]


def check(values: Mapping[str, Any], owner: str, nodes: Sequence[str], known: frozenset[str]) -> None:
    """Raise `Conflict` with the reason unless a kept state may be taken up again by this graph, for this owner."""
    if values.get("schema") != SCHEMA:
        raise refused(values, f"it was begun by another version of Opstwin (state {values.get('schema')!r:.20})")
    strange = [name for name in nodes if name not in known]
    if strange:
        raise refused(values, f"it stands at a step that this version does not have ({strange[0]:.40})")
    if values.get("owner") != owner:
        raise refused({}, "it belongs to somebody else")
    for key, value in values.items():
        if key not in _TYPES or not isinstance(value, _TYPES[key]) or not is_plain(value):
            raise refused({}, f"its field {key:.40} is not what was written")


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether it is JSON and nothing else."""
    if depth > 8:
        return False
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(item, depth + 1) for key, item in value.items())
    if isinstance(value, list):
        return all(is_plain(item, depth + 1) for item in value)
    return value is None or type(value) in (str, int, float, bool)


def refused(values: Mapping[str, Any], why: str) -> Conflict:
    """The refusal, naming the plan that stands by itself in the twin."""
    plan = values.get("plan_id")
    step = f"Its plan stands on its own: opstwin show {plan}; or say again what you want." if plan else "Say it again."
    return Conflict(f"This conversation cannot be taken up: {why}.", next_step=step, details={"reason": "old_state"})


def _talk(kept: Any) -> list[list[str]]:
    rows = kept if isinstance(kept, list) else []
    return [[str(row[0]), str(row[1])] for row in rows if isinstance(row, list) and len(row) == 2]
