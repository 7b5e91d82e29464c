"""`opstwin up`: what it can be told, and how the hub is started.

The process that this verb begins in is the hub for as long as it runs, so the plain forms of the verb are read without
the option parser: it and all other verbs would stay in the hub's memory.
"""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opstwin.cli import output
from opstwin.cli.context import HUB_FILE
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.failing import failed

if TYPE_CHECKING:
    from opstwin.settings import Settings

ANY_PORT: Final = "--any-port"
"""The switch for those who ask the hub where it is and need no port that they know."""

_VALUES: Final = {"--host": "host", "--port": "port", "--config": "config", "-c": "config"}


class Options(NamedTuple):
    """Where to listen and what to read; None is as the settings say."""

    host: str | None = None
    port: int | None = None
    config: Path | None = None
    any_port: bool = False


def options_of(words: Sequence[str]) -> Options | None:
    """The options in `words`; None when they hold anything else, which is then for the command line to answer."""
    found: dict[str, Any] = {}
    rest = iter(words)
    for word in rest:
        if word == ANY_PORT:
            found["any_port"] = True
        elif not _read(word, rest, found):
            return None
    return Options(**found)


def _read(word: str, rest: Iterator[str], found: dict[str, Any]) -> bool:
    """Take one option, and its value from `rest`. Returns whether there was one that needs no second look."""
    option, joined, value = word.partition("=")
    name = _VALUES.get(option)
    given = value if joined else next(rest, "")
    if name is None or not given or given.startswith("-") or (joined and not option.startswith("--")):
        return False
    if name == "port":
        return _read_port(given, found)
    found[name] = Path(given) if name == "config" else given
    return True


def _read_port(given: str, found: dict[str, Any]) -> bool:
    is_number = given.isascii() and given.isdigit()
    if is_number:
        found["port"] = int(given[:10])
    return is_number


def run(options: Options, words: Sequence[str]) -> int:
    """Start the hub, as `start` does; returns the exit code when it has ended."""
    try:
        start(options)
    except CliError as error:
        return failed(error, words)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.OK
    return Exit.OK


def start(options: Options) -> None:
    """Run the hub until it is told to stop. Raises `CliError`."""
    from opstwin.errors import OpstwinError

    try:
        _serve(settings_of(options), options.any_port)
    except OpstwinError as error:
        raise CliError(Exit.ERROR, error.message, next_step=error.next_step, code=error.code) from error


def settings_of(options: Options) -> "Settings":
    """The settings that the options, the environment and the config files make. Raises `InvalidInput`."""
    from opstwin.settings import load_settings

    if options.config is not None:
        # The hub hides its config file from the workloads of this machine, and so must know where it is.
        os.environ["OPSTWIN_CONFIG"] = str(options.config.expanduser().absolute())
    given = {"host": options.host, "port": options.port}
    return load_settings(options={key: value for key, value in given.items() if value is not None})


def _serve(settings: "Settings", any_port: bool) -> None:
    """Run the hub; where one runs on this data directory and answers, say where, and be content."""
    from opstwin.errors import Conflict
    from opstwin.server.serving import serve

    try:
        serve(settings, ready=_ready, any_port=any_port)
    except Conflict:
        url = _running(settings.data_dir)
        if not url:
            raise
        output.note(f"The hub runs already at {url}", colour="ok")
        output.note("Sign in with a browser: opstwin login")


def _running(folder: Path) -> str:
    """Where the hub of this data directory answers; empty when it does not."""
    import httpx2

    try:
        url = str(json.loads((folder / HUB_FILE).read_text(encoding="utf-8"))["url"])
        return url if httpx2.get(f"{url}/health", timeout=3).is_success else ""
    except (OSError, ValueError, KeyError, TypeError, httpx2.HTTPError):
        return ""


def _ready(url: str, login_url: str) -> None:
    output.note(f"The hub runs at {url}", colour="ok")
    output.note(f"Sign in once, within 10 minutes: {login_url}")
    output.note('Try: opstwin discover · opstwin plan "deploy nginx:1.27 as web with 2 replicas on port 8080"')
