"""What `opstwin mcp` can be told, read without the option parser: loading that takes longer than all of the rest."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

TOOLSETS: Final = ("core", "deploy", "hosts", "metrics", "admin")
"""The sets of tools that a client can be limited to, as `opstwin.tools.registry.Toolset` has them."""

_VALUES: Final = {"--url": "url", "--base-url": "url", "--token": "token", "--toolset": "toolset"}
_SWITCHES: Final = {"--read-only": ("read_only", True), "--no-start": ("start", False)}


class Options(NamedTuple):
    """Which hub, what it shall offer, and whether one may be started on this machine."""

    url: str | None = None
    token: str | None = None
    toolset: str | None = None
    read_only: bool = False
    start: bool = True

    @property
    def path(self) -> str:
        """The address below the hub's that offers it."""
        if self.read_only:
            return "/mcp/readonly"
        return f"/mcp/x/{self.toolset}" if self.toolset else "/mcp"

    @property
    def sound(self) -> bool:
        """Whether there is such an address."""
        return self.toolset is None or (self.toolset in TOOLSETS and not self.read_only)


def options_of(words: Sequence[str]) -> Options | None:
    """The options in `words`; None when they hold anything else, which is then for the command line to answer."""
    found: dict[str, str | bool] = {}
    rest = iter(words)
    for word in rest:
        if not _read(word, rest, found):
            return None
    options = Options(**found)  # type: ignore[arg-type] # the tables above name its fields
    return options if options.sound else None


def _read(word: str, rest: Iterator[str], found: dict[str, str | bool]) -> bool:
    """Take one option, and its value from `rest`. Returns whether there was one."""
    if word in _SWITCHES:
        name, switch = _SWITCHES[word]
        found[name] = switch
        return True
    option, joined, value = word.partition("=")
    if option not in _VALUES:
        return False
    given = value if joined else next(rest, None)
    if given is None:
        return False
    found[_VALUES[option]] = given
    return True
