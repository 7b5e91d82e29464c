"""What people type for an id, a name or a file, and what they are told when it fits nothing."""

import io
import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from opstwin.cli.exits import CliError, Exit

MAX_FILE: Final = 1024 * 1024
_RUNNING: Final = frozenset({"container", "daemonset", "deployment", "job", "pod", "statefulset"})
"""Kinds that have logs and take commands."""

_FILE_ENDINGS: Final = (".yaml", ".yml", ".json")
_FORMS: Final[Mapping[str, tuple[re.Pattern[str], str, str]]] = {
    "plans": (
        re.compile(r"plan_[0-9a-z]{1,40}"),
        "is not a plan's id; those look like plan_7f3k2m9x1q",
        "List them: opstwin get plans",
    ),
    "executions": (
        re.compile(r"exec_[0-9a-z]{1,40}"),
        "is not an execution's id; those look like exec_7f3k2m9x1q",
        "List them: opstwin get executions",
    ),
    "runs": (
        re.compile(r"(?:run_)?[1-9][0-9]{0,17}"),
        "is not a run's id; those look like run_7",
        "List them: opstwin get runs",
    ),
    "targets": (
        re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"),
        "is not a target's name; those look like local",
        "List them: opstwin targets list",
    ),
    "threads": (
        re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"),
        "is not a conversation's id; those look like thread_7f3k2m9x1q",
        "List yours: opstwin chat --list",
    ),
    "workloads": (
        re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"),
        "is not a workload's name; those look like web",
        "List them: opstwin get workloads",
    ),
    "resources": (
        re.compile(r"[a-z0-9][a-z0-9-]{0,62}/[a-z][a-z0-9.-]{0,119}/[A-Za-z0-9][A-Za-z0-9_.:@/-]{0,300}"),
        "is not a resource's id; those look like local/container/web-1",
        "List them: opstwin get",
    ),
}


def check_id(collection: str, id: str) -> None:
    """Raise `CliError` for what cannot be the id of one of `collection`, saying what such an id looks like."""
    form = _FORMS.get(collection)
    if form is not None and not form[0].fullmatch(id):
        raise CliError(Exit.ERROR, f"{id[:80]!r} {form[1]}.", next_step=form[2], code="invalid_input")


def no_plan_or_execution(id: str) -> CliError:
    """For something that begins like neither."""
    return CliError(
        Exit.ERROR, f"{id[:80]!r} is neither a plan, an execution nor a run; their ids look like plan_7f3k2m9x1q, "
        "exec_7f3k2m9x1q and run_7.", next_step="List plans: opstwin get plans", code="invalid_input",
    )  # fmt: skip


def meant(word: str, known: Iterable[str]) -> str:
    """` Did you mean web or api?`; empty when nothing is near."""
    near = get_close_matches(word, sorted(set(known)), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def fitting(known: Iterable[Mapping[str, Any]], name: str) -> list[str]:
    """The ids of the resources that `name` may stand for: `web-1`, `container/web-1`, or `web` for `shop/web`.

    Of several in a cluster that share a name, the one that runs is meant.
    """
    found = [item for item in known if name in _names(item)]
    running = [item for item in found if item["kind"] in _RUNNING]
    return [str(item["id"]) for item in (running if len(running) == 1 else found)]


def _names(item: Mapping[str, Any]) -> tuple[str, ...]:
    name, kind = str(item["name"]), item["kind"]
    short = name.rpartition("/")[2]
    return name, f"{kind}/{name}", short, f"{kind}/{short}"


def owned(known: Iterable[dict[str, Any]], workload: str) -> list[dict[str, Any]]:
    """The resources of a workload."""
    return [item for item in known if item.get("workload") == workload]


def only(known: list[dict[str, Any]], name: str) -> str:
    """The one resource that `name` stands for. Raises `CliError` that says what may have been meant."""
    found = fitting(known, name)
    if len(found) == 1:
        return found[0]
    if found:
        raise CliError(Exit.ERROR, f"{name!r} fits several: {', '.join(found[:5])}.", next_step="Use the full id.")
    parts = [str(item["name"]) for item in owned(known, name)]
    if parts:
        raise CliError(
            Exit.ERROR, f"{name!r} is a workload; its resources are {', '.join(parts[:5])}.",
            next_step="Name one of them.", code="not_found",
        )  # fmt: skip
    names = [str(item[key]) for item in known for key in ("name", "workload") if item.get(key)]
    raise CliError(
        Exit.ERROR, f"There is no resource {name!r}.{meant(name, names)}", next_step="List them: opstwin get",
        code="not_found",
    )  # fmt: skip


def is_file(words: str) -> bool:
    """Whether what was typed is a file that exists."""
    return " " not in words and len(words) < 1024 and Path(words).is_file()


def looks_like_file(words: str) -> bool:
    """Whether what was typed can only have been meant as a file."""
    return " " not in words and (words.endswith(_FILE_ENDINGS) or words.startswith(("./", "../", "/", "~")))


def no_file(file: Path, next_step: str) -> CliError:
    """For a file that is not there, with those of its folder whose names are near."""
    return CliError(
        Exit.ERROR, f"There is no file {file}.{meant(file.name, _beside(file))}", next_step=next_step,
        code="invalid_input",
    )  # fmt: skip


def text_of(file: Path, next_step: str = "Name a YAML file.") -> str:
    """A file's text. Raises `CliError` that says whether it is missing, too large or unreadable."""
    try:
        with file.open("rb") as opened:
            # Not by its size: a device or a pipe tells none, and has no end.
            data = opened.read(MAX_FILE + 1)
        if len(data) > MAX_FILE:
            raise CliError(Exit.ERROR, f"{file} is larger than 1 MiB.", next_step="Split it.", code="limit_exceeded")
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8").read()
    except FileNotFoundError as error:
        raise no_file(file, "To plan from words, leave -f out." if " " in str(file) else next_step) from error
    except IsADirectoryError as error:
        raise CliError(
            Exit.ERROR, f"{file} is a folder.", next_step="Name a file in it.", code="invalid_input"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CliError(
            Exit.ERROR, f"{file} cannot be read: {why}.", next_step=next_step, code="invalid_input"
        ) from error


def _beside(file: Path) -> list[str]:
    try:
        return [item.name for item in file.parent.iterdir() if item.suffix in _FILE_ENDINGS]
    except OSError:
        return []
