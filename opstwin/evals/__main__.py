"""`python -m opstwin.evals run shots --k 0,1,3,5`: what is measured, and how it ends.

Exit codes: 0 every trial counted; 1 something that was typed, or a file, is wrong; 3 some trials do not count.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from opstwin.errors import InvalidInput, OpstwinError
from opstwin.evals.shots.running import KS, Run
from opstwin.evals.shots.scripted import brains
from opstwin.evals.shots.verb import LIVE, Wanted, run_shots, to_stderr

ERROR: Final = 1
INVALID: Final = 3


def main(words: Sequence[str] | None = None) -> int:
    """Run what was typed and return the exit code; results go to stdout, the rest to stderr."""
    try:
        given = _parser().parse_args(words)
        report, text = asyncio.run(run_shots(_wanted(given), to_stderr))
    except OpstwinError as error:
        to_stderr(f"Error: {error}")
        return ERROR
    sys.stdout.write(text)
    return INVALID if report.summary.invalid else 0


def _wanted(given: argparse.Namespace) -> Wanted:
    run = Run(ks=_numbers(given.k), seeds=given.seeds, names=tuple(given.only), embeddings=given.embeddings)
    return Wanted(
        run=run, brain=given.brain, model=given.model, replay=given.replay, record=given.record, out=given.out
    )


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput(
            f"k {text[:40]!r} is no list of numbers.", field="k", next_step="Write it like --k 0,1,3,5."
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m opstwin.evals", description="Measures the agent.")
    run = parser.add_subparsers(required=True, metavar="run").add_parser("run", help="run a suite")
    shots = run.add_subparsers(required=True, metavar="shots").add_parser(
        "shots", help="what the number of examples does to drafts"
    )
    _add_options(shots)
    return parser


def _add_options(shots: argparse.ArgumentParser) -> None:
    names = ", ".join((LIVE, *brains()))
    add = shots.add_argument
    add("--k", default=",".join(map(str, KS)), help="numbers of examples (0 to 5), by commas")
    add("--seeds", type=int, default=1, help="draws of each scenario")
    add("--brain", default="", help=f"{names}; default: {LIVE} where a language model is set up, else template")
    add("--model", help="a provider or model of the settings")
    add("--replay", type=Path, help="a recording that answers in place of a model")
    add("--record", type=Path, help="a new file for what the model answers")
    add("--only", action="append", default=[], metavar="SCENARIO", help="this scenario alone; may be given again")
    add("--embeddings", type=Path, help="folder with a sentence-transformers model, for vectors")
    add("-o", "--out", type=Path, help="a folder for results.json, rows.jsonl and summary.md")


if __name__ == "__main__":
    sys.exit(main())
