"""Brains that prove the measure: what each of them comes to is known beforehand, and a measure must find it.

`null` never answers, `oracle` knows the truth, `copying` takes over what the examples in its request say, and of two
that copy as well `crowded` spoils more first answers the more examples there are, `taught` fewer. None is a language
model, and what they come to says nothing about one; `copying` says what can be learned from the examples at all.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final
from zlib import crc32

from opstwin.agent.drafting.tokens import tokens_in
from opstwin.agent.models.port import ModelReply, ModelRequest, Tokens
from opstwin.agent.models.scripted import ScriptedModel
from opstwin.evals.brains import Brain, Scripted, Template, Trial, null
from opstwin.evals.shots.asked import Asked, asked_in
from opstwin.evals.shots.scenarios import Truth, drawn, scenarios
from opstwin.manifests.generating.amounts import memory_of, memory_text
from opstwin.manifests.generating.images import repository

ROOM: Final = 1.15
MORE_ROOM: Final = 1.25
"""Over the peak, and over what did not suffice: as the prompt asks for."""

GUESS: Final = "256Mi"
SPOILT_EACH: Final = 0.16
"""Share of first answers that one more example spoils (`crowded`), or saves (`taught`)."""

_PAGE: Final = re.compile(r"health check GET :(\d+)(/[^\s,]*[^\s,.])")

_MOST: Final = 5

Answer = Callable[[Asked], Mapping[str, Any]]


def brains() -> dict[str, Brain]:
    """All that need no key, by name."""
    found: tuple[Brain, ...] = (
        Template(), null(),
        Scripted("oracle", "it knows the truth", lambda trial: _model(partial(_true, _truth(trial)))),
        Scripted("copying", "it takes over what the examples say", lambda _trial: _model(_copied)),
        Scripted("crowded", "it copies, and the more examples the more answers it spoils",
                 lambda trial: _model(_copied, partial(_is_spoilt, trial, 1))),
        Scripted("taught", "it copies, and the more examples the fewer answers it spoils",
                 lambda trial: _model(_copied, partial(_is_spoilt, trial, -1))),
    )  # fmt: skip
    return {item.name: item for item in found}


def _model(answer: Answer, spoilt: Callable[[Asked], bool] = lambda _asked: False) -> ScriptedModel:
    def reply(request: ModelRequest) -> ModelReply:
        asked = asked_in(request)
        text = json.dumps(_whole(asked, answer(asked)), ensure_ascii=False)
        return _counted(request, f"Here is my draft: {text}" if spoilt(asked) else text)

    return ScriptedModel(otherwise=reply)


def _whole(asked: Asked, found: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of the right form, with what is open alone."""
    open_ = {key: found.get(key) if key in asked.open else None for key in ("memory", "cpu", "replicas", "probe")}
    told = {"reasoning": found.get("reasoning", "As the examples."), "examples": found.get("examples", [])}
    return {"workload": asked.name, **open_, "autoscale": None, **told}


def _counted(request: ModelRequest, text: str) -> ModelReply:
    sent = (request.system, request.examples, *(item.text for item in request.messages))
    return ModelReply(text=text, tokens=Tokens(input=sum(map(tokens_in, sent)), output=tokens_in(text)))


def _truth(trial: Trial) -> Truth:
    known = {item.name: item for item in scenarios()}
    return drawn(known[trial.scenario], trial.seed).truth


def _true(truth: Truth, _asked: Asked) -> dict[str, Any]:
    probe, copies = ({"path": truth.page, "port": truth.port}, 2) if truth.page else (None, None)
    memory = f"{round(truth.memory_mib * MORE_ROOM)}Mi"
    return {"memory": memory, "probe": probe, "replicas": copies, "reasoning": "As it is."}


def _copied(asked: Asked) -> dict[str, Any]:
    """What the examples of the same service say, else what most of the examples had; without any, a guess."""
    own = {id: item for id, item in asked.examples.items() if _is_own(item, asked)}
    used = own or {id: item for id, item in asked.examples.items() if item.get("held")}
    needs = sorted(filter(None, map(_need, used.values())))
    if not needs:
        return {"memory": GUESS, "reasoning": "A guess."}
    need = max(needs) if own else needs[len(needs) // 2]
    return {"memory": memory_text(need), "probe": _page(own.values()), "examples": [*used]}


def _page(own: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The page that the checks of the same service asked for; None where they say none."""
    found = next(filter(None, (_PAGE.search(str(item.get("summary", ""))) for item in own)), None)
    return None if found is None else {"path": found[2], "port": int(found[1])}


def _is_own(example: Mapping[str, Any], asked: Asked) -> bool:
    same = repository(str(example.get("image", ""))) == repository(asked.image)
    return example.get("service") == asked.name or (same and "/" in repository(asked.image))


def _need(example: Mapping[str, Any]) -> float:
    """The memory, in bytes, that one example speaks for; 0 where it says nothing."""
    limit = memory_of(example["memory_limit"]) if "memory_limit" in example else 0.0
    if not example.get("held") or example.get("ran_out_of_memory"):
        return limit * MORE_ROOM
    peak = example.get("used", {}).get("memory_max")
    return memory_of(peak) * ROOM if peak else limit


def _is_spoilt(trial: Trial, sign: int, asked: Asked) -> bool:
    """The same services are spoilt first in every arm; one in two is repaired, the others never."""
    number = crc32(f"{trial.scenario} {trial.seed}".encode())
    if asked.repairs and number % 2:
        return False
    count = len(asked.examples) if sign > 0 else _MOST - len(asked.examples)
    return number / 2**32 < SPOILT_EACH * count
