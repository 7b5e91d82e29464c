"""Which hub a client's messages go to, and as whom. Looked up anew after a break, so that either may be restarted."""

import threading

from opstwin.cli.context import Context, find_context, named_url
from opstwin.cli.exits import CliError, Exit
from opstwin.cli.mcp_identity import as_agent, forget
from opstwin.cli.mcp_options import Options
from opstwin.cli.mcp_starting import AWAY_S, comes_back, start_hub
from opstwin.cli.mcp_wire import Wire


class Door:
    """The way to the hub that the options, the environment or the data directory name."""

    def __init__(self, options: Options, wire: Wire) -> None:
        self._options = options
        self._wire = wire
        self._lock = threading.Lock()
        self._hub: Context | None = None
        self._is_doubtful = False
        self._was_here = False

    def hub(self) -> Context:
        """The hub with an agent's token; one is started on this machine when none runs. Raises `CliError`."""
        with self._lock:
            if self._hub is None:
                self._hub = self._looked_up()
            return self._hub

    def running_hub(self) -> Context:
        """The same, but none is started. Raises `CliError`."""
        with self._lock:
            return self._hub or self._found()

    def answered(self) -> None:
        """The hub is there."""
        self._was_here = True

    def lost(self, hub: Context) -> None:
        """The hub did not answer: look whether it is still there before the next message."""
        with self._lock:
            if self._hub == hub:
                self._hub, self._is_doubtful = None, True

    def renewed(self, hub: Context) -> bool:
        """The hub does not know the token. Returns whether there may be another, as for the agent of this machine."""
        if not hub.own or not forget(hub.token):
            return False
        with self._lock:
            if self._hub == hub:
                self._hub = None
        return True

    def _look(self) -> Context:
        return find_context(self._options.url, self._options.token)

    def _found(self) -> Context:
        return as_agent(self._look(), self._wire)

    def _looked_up(self) -> Context:
        starts = self._options.start and not named_url(self._options.url)
        doubts, self._is_doubtful = self._is_doubtful, False
        if doubts and not starts and self._was_here:
            self._was_here = comes_back(self._wire, self._look, AWAY_S)
        if not (doubts and starts):
            try:
                return self._found()
            except CliError as error:
                if not starts or error.exit_code is not Exit.UNREACHABLE:
                    raise
        start_hub(self._wire, was_here=self._was_here)
        return self._found()
