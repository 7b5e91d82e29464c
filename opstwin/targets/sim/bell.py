"""Wakes whoever waits for the world to change, from any thread."""

import asyncio


class Bell:
    """Rung with every change. Listen first, then look, then wait: no change is missed in between."""

    def __init__(self) -> None:
        self._loops: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def listen(self) -> asyncio.Event:
        """What is set at the next ring; give it back with `leave`."""
        event = asyncio.Event()
        self._loops[event] = asyncio.get_running_loop()
        return event

    def leave(self, event: asyncio.Event) -> None:
        """Stop listening."""
        self._loops.pop(event, None)

    def ring(self) -> None:
        """Wake all who listen."""
        for event, loop in list(self._loops.items()):
            loop.call_soon_threadsafe(event.set)
