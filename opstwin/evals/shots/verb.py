"""`run shots`: chooses the brain, runs the trials, writes the results."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from opstwin.agent.drafting.composing import versions
from opstwin.clock import Clock, SystemClock
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.evals.brains import Brain, Template
from opstwin.evals.cassettes import FORMAT, REDACTED, Head, Tape, read_cassette
from opstwin.evals.living import Choice, chosen, live
from opstwin.evals.playing import Played, Recording
from opstwin.evals.shots.running import Run, Told, rows_of
from opstwin.evals.shots.scenarios import VERSION, digest
from opstwin.evals.shots.scripted import brains
from opstwin.evals.shots.summing import summed
from opstwin.evals.shots.telling import Told as Report
from opstwin.evals.shots.telling import results, row_form, summary_text
from opstwin.settings import load_settings

SUITE: Final = "shots"
LIVE: Final = "live"

FILES: Final = ("results.json", "rows.jsonl", "summary.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was typed. `brain` empty: the model of the settings, else `template`; `model` names one of its providers.

    `replay` is a recording that answers in place of a model, `record` a new file for what a model answers, `out` a
    folder for the results.
    """

    run: Run
    brain: str = ""
    model: str | None = None
    replay: Path | None = None
    record: Path | None = None
    out: Path | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        given = [name for name in ("brain", "model", "replay") if getattr(self, name)]
        if len(given) > 1 and given != ["brain", "model"]:
            raise InvalidInput(
                f"Give one of {' and '.join(given)}.", field=given[1], next_step=f"Leave out --{given[0]}."
            )
        if self.brain not in ("", LIVE, *brains()) or (self.model and self.brain not in ("", LIVE)):
            known = ", ".join((LIVE, *brains()))
            raise InvalidInput(
                f"Brain {self.brain[:40]!r} is none, or takes no model.", field="brain",
                next_step=f"There are: {known}.",
            )  # fmt: skip


async def run_shots(wanted: Wanted, told: Told) -> tuple[Report, str]:
    """Carry it out: the report, and its summary in Markdown. Files are written where a folder is named.

    Raises `InvalidInput` naming the option for what cannot be run.
    """
    if wanted.out is not None:
        # Before the first trial: what a model's answers cost must not be lost to a folder that is not there.
        await asyncio.to_thread(_write, wanted.out, {})
    async with _brain(wanted) as brain:
        told(f"brain {brain.name}: {brain.about()['says']}")
        rows = await rows_of(wanted.run, brain, told)
    report = Report(run=wanted.run, brain=brain, rows=rows, summary=summed(rows), product=version("opstwin"))
    if wanted.out is not None:
        await asyncio.to_thread(_write, wanted.out, _files(report))
    return report, summary_text(report)


@asynccontextmanager
async def _brain(wanted: Wanted) -> AsyncIterator[Brain]:
    if wanted.replay is not None:
        yield await _played(wanted.replay)
        return
    choice = await asyncio.to_thread(_choice, wanted) if wanted.brain in ("", LIVE) else None
    if choice is None:
        yield await _recorded(wanted, brains()[wanted.brain or Template().name], "")
        return
    async with live(choice, wanted.clock, wanted.environ) as brain:
        yield await _recorded(wanted, brain, choice.host)


def _choice(wanted: Wanted) -> Choice | None:
    choice = chosen(load_settings(wanted.environ), wanted.environ, wanted.model)
    if choice is None and wanted.brain == LIVE:
        raise InvalidInput(
            "No language model is set up.", field="brain", next_step="Set one up (docs/agent.md), or use another brain."
        )
    return choice


async def _played(path: Path) -> Played:
    cassette = await read_cassette(path)
    head = cassette.head
    if (head.suite, head.suite_version, head.scenarios) != (SUITE, VERSION, digest()):
        raise InvalidInput(
            f"{path} was recorded for other scenarios ({head.suite} {head.suite_version}).", field="replay",
            next_step="Record it anew: --record FILE",
        )  # fmt: skip
    return Played(cassette)


async def _recorded(wanted: Wanted, brain: Brain, host: str) -> Brain:
    if wanted.record is None:
        return brain
    about = brain.about()
    tape = Tape(wanted.record, hidden=(host,) if host else ())
    await tape.begin(
        Head(
            format=FORMAT, suite=SUITE, suite_version=VERSION, scenarios=digest(), prompts=versions(),
            models=_texts(about.get("models")) or [brain.name], params=_fields(about.get("params")),
            arms=[f"k={k}" for k in wanted.run.ks], seeds=wanted.run.seeds,
            recorded_at=wanted.clock.now().isoformat(), redacted=list(REDACTED),
        )
    )  # fmt: skip
    return Recording(brain=brain, tape=tape, clock=wanted.clock)


def _texts(value: Json) -> list[str]:
    return [str(item) for item in value] if isinstance(value, Sequence) and not isinstance(value, str) else []


def _fields(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, Mapping) else {}


def _files(report: Report) -> dict[str, str]:
    lines = (json.dumps(row_form(row), ensure_ascii=False, sort_keys=True) + "\n" for row in report.rows)
    whole = json.dumps(results(report), ensure_ascii=False, indent=2) + "\n"
    return dict(zip(FILES, (whole, "".join(lines), summary_text(report)), strict=True))


def _write(folder: Path, files: Mapping[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(
            f"Results cannot be written to {folder}: {error.strerror or error}.", field="out",
            next_step="Name a folder that can be written to: -o FOLDER",
        ) from error  # fmt: skip


def to_stderr(text: str) -> None:
    """Progress, beside the results."""
    sys.stderr.write(f"{text}\n")
