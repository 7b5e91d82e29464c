"""Settings for the components under test, and a guard that nothing connects anywhere."""

import sys
from collections.abc import Iterator

import pytest

_watching = False


def _refuse_sockets(event: str, _: object) -> None:
    if _watching and event in ("socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen"):
        raise AssertionError(f"a component must not do this: {event}")


sys.addaudithook(_refuse_sockets)


@pytest.fixture
def no_infrastructure() -> Iterator[None]:
    """Fails the test at the first connection, name look-up, listener or process."""
    global _watching  # noqa: PLW0603 - an audit hook cannot be removed, only told to look away
    _watching = True
    yield
    _watching = False
