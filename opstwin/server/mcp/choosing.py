"""Which tools an address offers: `/mcp` the default set, `/mcp/readonly` its reading part, `/mcp/x/{toolset}` one set.

The default set is every toolset but `admin`: a model reads all definitions before each answer, so few are better.
"""

from dataclasses import dataclass
from typing import Final

from opstwin.tools.registry import AnyTool, Caller, Registry, Toolset

PATH: Final = "/mcp"
READ_ONLY: Final = "/mcp/readonly"
TOOLSETS: Final = "/mcp/x/"
PATHS: Final = (PATH, READ_ONLY, *(f"{TOOLSETS}{item.value}" for item in Toolset))
"""Every address of the server. There is no other spelling of them."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What one address offers. The address can only take away: what a caller may do is decided by its scopes."""

    read_only: bool = False
    toolset: Toolset | None = None

    def has(self, tool: AnyTool) -> bool:
        """Whether the tool is part of it."""
        if tool.toolset is None or (self.read_only and tool.changes):
            return False
        return tool.toolset is self.toolset or (self.toolset is None and tool.toolset is not Toolset.ADMIN)


def choice_of(path: str) -> Choice:
    """The choice that an address of `PATHS` stands for."""
    if path == READ_ONLY:
        return Choice(read_only=True)
    return Choice(toolset=Toolset(path.removeprefix(TOOLSETS))) if path.startswith(TOOLSETS) else Choice()


def chosen(registry: Registry, choice: Choice, caller: Caller) -> list[AnyTool]:
    """The tools that the address offers to this caller, in the registry's order."""
    return [tool for tool in registry if choice.has(tool) and tool.may(caller)]
