"""What `doctor` looks at: this machine, the hub, its targets, its audit, its language models and its memory."""

import sys
from typing import Any
from urllib.parse import urlsplit

from opstwin.cli.client import Hub
from opstwin.cli.context import data_dir, find_context
from opstwin.cli.exits import CliError
from opstwin.cli.options import hub_of

Check = dict[str, Any]


def checked(url: str | None, token: str | None, *, models: bool) -> list[Check]:
    """All checks. With `models` each provider of a language model is asked whether it answers; that costs nothing."""
    return [_python(), _files(), *_hub(url, token, models=models)]


def _check(name: str, ok: bool, found: str, next_step: str = "") -> Check:
    return {"check": name, "ok": ok, "found": found, "next_step": "" if ok else next_step}


def _advised(name: str, found: str, next_step: str) -> Check:
    """What works as it is, and could be better."""
    return {"check": name, "ok": True, "found": found, "next_step": next_step}


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return _check("Python", sys.version_info >= (3, 11), found, "Install Python 3.11 or newer.")


def _files() -> Check:
    folder = data_dir()
    loose = [path.name for path in folder.glob("*") if path.is_file() and path.stat().st_mode & 0o077]
    if loose:
        return _check("files", False, f"{', '.join(loose[:3])} can be read by others", f"Run: chmod 600 {folder}/*")
    return _check("files", True, str(folder))


def _hub(url: str | None, token: str | None, *, models: bool) -> list[Check]:
    try:
        context = find_context(url, token)
        hub = hub_of(url, token)
        info = hub.get("/hub")
    except CliError as error:
        return [_check("hub", False, error.message, error.next_step)]
    checks = [_check("hub", True, f"{context.url}, version {info.get('version')}")]
    checks.append(_check("database", True, str(info.get("database"))))
    checks += [_target(hub, item) for item in hub.all("/targets")["items"]]
    return [*checks, _audit(hub), *_models(hub, models=models)]


def _target(hub: Hub, item: dict[str, Any]) -> Check:
    name = f"target {item['id']}"
    if not item["is_active"]:
        return _check(name, True, "switched off")
    try:
        answer = hub.post(f"/targets/{item['id']}:test")
    except CliError as error:
        return _check(name, False, error.message, error.next_step or "Start it, or switch it off.")
    return _check(name, True, f"{item['backend_type']} {answer.get('version')}")


def _audit(hub: Hub) -> Check:
    try:
        verified = hub.post("/audit:verify")
    except CliError as error:
        return _check("audit chain", False, error.message, error.next_step)
    return _check("audit chain", True, f"{verified['rows']} rows")


def _models(hub: Hub, *, models: bool) -> list[Check]:
    try:
        found = hub.get("/ai/models", ask=str(models).lower())
    except CliError as error:
        return [_check("language models", False, error.message, error.next_step)]
    checks = [_model(item) for item in found["providers"]]
    if not checks:
        checks.append(_advised("language models", "none; requests are read without one", found["next_step"]))
    return checks + (_memory(found["memory"]) if found["memory"] else [])


def _model(item: dict[str, Any]) -> Check:
    key = item["credential"] or "no key needed"
    host = urlsplit(item["address"]).hostname or item["address"]
    found = f"{item['kind']} {item['model']} at {host}, {key}"
    if not item["has_key"]:
        return _check(f"model {item['name']}", False, f"{found}: no key there", item["why"])
    answers = {True: ", answers", False: ", does not answer", None: ", not asked (--models)"}[item["answers"]]
    return _check(f"model {item['name']}", item["answers"] is not False, found + answers, item["why"])


def _memory(memory: dict[str, Any]) -> list[Check]:
    index = _check("history index", True, f"{memory['index']}, {memory['examples']} examples")
    if not memory["embeddings"]:
        return [index, _advised("embeddings", "none; words and known fields are compared", memory["next_step"])]
    found = memory["embeddings"]
    missing = f"no model in {found}"
    return [index, _check("embeddings", memory["embeddings_there"], found if memory["embeddings_there"] else missing,
                          memory["next_step"])]  # fmt: skip
