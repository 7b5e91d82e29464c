"""Where control finds the driver of a target. Writers are looked up by `opstwin.control.applying` alone."""

from typing import Protocol

from opstwin.domain.target import Target
from opstwin.targets.ports import Previewer, Reader, Renderer


class Readers(Protocol):
    """Builds, or finds, what reads and renders for a target. Wiring owns the implementation."""

    def reader(self, target: Target) -> Reader:
        """The reader of a target. Raises `InvalidInput` when no driver for its backend is installed."""
        ...

    def renderer(self, target: Target) -> Renderer:
        """The renderer for a target's backend. Raises like `reader`."""
        ...

    def previewer(self, target: Target) -> Previewer | None:
        """What can be asked before a change is made, None where a target cannot be. Raises like `reader`."""
        ...
