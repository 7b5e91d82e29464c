"""Recordings of what a model answered: one JSON to a line, a head first, then a line for each turn of each trial.

What was asked is kept as digests of its parts, so that a recording that no longer fits says which part changed; what
was answered is kept without secrets. Everything but the model's words is done again when it is played.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opstwin.agent.models.port import ModelReply, ModelRequest, Stop, Tokens
from opstwin.domain.secret_text import without_secrets
from opstwin.domain.values import Json, digest_of, to_json
from opstwin.errors import InvalidInput
from opstwin.logs import MASK

FORMAT: Final = "opstwin-cassette/1"
REDACTED: Final = ("secrets", "addresses of providers")
MAX_BYTES: Final = 256 << 20

PARTS: Final[Mapping[str, str]] = {
    "system": "prompt-drift", "schema": "schema-drift", "examples": "observation-drift",
    "observations": "observation-drift", "history": "order-drift", "params": "params-drift",
}  # fmt: skip
"""The parts of a request → what it is called when one of them is not as it was recorded, the first that counts."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


L = TypeVar("L", bound=_Line)


class Head(_Line):
    """What was recorded, of which suite, when and from whom. `prompts` names the versions of the prompts."""

    format: str
    suite: str
    suite_version: int
    scenarios: str
    models: list[str]
    params: dict[str, Any]
    prompts: str
    arms: list[str]
    seeds: int
    recorded_at: str
    redacted: list[str]


class Recorded(_Line):
    """One turn. `asked` are digests by part; `error` is the reason of a failure, and then there is no text."""

    scenario: str
    arm: str
    seed: int
    turn: Annotated[int, Field(ge=0)]
    asked: dict[str, str]
    text: str = ""
    stop: Stop = Stop.END
    tokens: dict[str, int] = Field(default_factory=dict)
    model: str = ""
    cost_usd: float | None = None
    latency_ms: int = 0
    error: str = ""

    @property
    def reply(self) -> ModelReply:
        """The answer as it was given. Raises `InvalidInput` for tokens that are none."""
        known = {name: self.tokens.get(name, 0) for name in ("input", "output", "cache_read", "cache_write")}
        return ModelReply(
            text=self.text, stop=self.stop, tokens=Tokens(**known), model=self.model, cost_usd=self.cost_usd
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cassette:
    """A recording as it was read."""

    head: Head
    turns: tuple[Recorded, ...]


def parts_of(request: ModelRequest) -> dict[str, str]:
    """The digests of what is asked, part by part."""
    first, rest = request.messages[:1], request.messages[1:]
    parts: dict[str, object] = {
        "system": request.system, "schema": [request.schema, *request.tools], "examples": request.examples,
        "observations": first, "history": rest, "params": [request.max_tokens, request.temperature],
    }  # fmt: skip
    return {name: digest_of(to_json(value)) for name, value in parts.items()}


def drift_of(recorded: Mapping[str, str], asked: Mapping[str, str]) -> str:
    """Which part is not as it was recorded, in the words of `PARTS`; empty when all are."""
    return next((kind for part, kind in PARTS.items() if recorded.get(part) != asked[part]), "")


@dataclass(frozen=True, slots=True)
class Tape:
    """A file that is being recorded. `hidden` are words, such as addresses, that no line may hold."""

    path: Path
    hidden: Sequence[str] = ()

    async def begin(self, head: Head) -> None:
        """Write the head. Raises `InvalidInput` when the file is there already, or cannot be written."""
        await asyncio.to_thread(self._write, head, "x")

    async def add(self, turn: Recorded) -> None:
        """Write one turn. Raises `InvalidInput` when it cannot be written."""
        await asyncio.to_thread(self._write, turn.model_copy(update={"text": self.covered(turn.text)}), "a")

    def covered(self, text: str) -> str:
        """`text` without secrets and without what is hidden."""
        for word in self.hidden:
            text = text.replace(word, MASK) if word else text
        return without_secrets(text)

    def _write(self, line: Head | Recorded, mode: str) -> None:
        form: dict[str, Json] = line.model_dump(mode="json")
        try:
            with self.path.open(mode, encoding="utf-8") as file:
                file.write(json.dumps(form, ensure_ascii=False, separators=(",", ":")) + "\n")
        except OSError as error:
            raise InvalidInput(
                f"The recording {self.path} cannot be written: {error.strerror or error}.", field="record",
                next_step="Name a new file in a folder that can be written to.",
            ) from error  # fmt: skip


async def read_cassette(path: Path) -> Cassette:
    """A recording. Raises `InvalidInput` naming the line for a file that is none."""
    return await asyncio.to_thread(_read, path)


def _read(path: Path) -> Cassette:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _wrong(path, f"it has more than {MAX_BYTES} bytes")
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, str(error)) from error
    head = _line(Head, path, 1, lines[0] if lines else "")
    if head.format != FORMAT:
        raise _wrong(path, f"its format is {head.format[:40]}, not {FORMAT}")
    turns = (_line(Recorded, path, number, line) for number, line in enumerate(lines[1:], start=2))
    return Cassette(head=head, turns=tuple(turns))


def _line(kind: type[L], path: Path, number: int, text: str) -> L:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise _wrong(path, f"line {number}: {error.errors()[0]['msg']}") from error


def _wrong(path: Path, why: str) -> InvalidInput:
    return InvalidInput(
        f"{path} is no recording that can be played: {why}.", field="replay", next_step="Record it anew: --record FILE"
    )
