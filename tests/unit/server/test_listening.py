"""The address that a hub takes."""

import pytest

from opstwin.errors import InvalidInput
from opstwin.server.serving import listening

HOST = "127.0.0.1"


def test_a_taken_port_is_refused_and_the_way_out_is_named() -> None:
    with listening(HOST, 0) as stranger:
        stranger.listen()
        port = stranger.getsockname()[1]
        with pytest.raises(InvalidInput) as refused, listening(HOST, port):
            pass
    assert refused.value.field == "port"
    assert f"Port {port}" in refused.value.message
    assert "opstwin up --any-port" in refused.value.next_step


def test_any_port_takes_a_free_one_where_that_one_is_taken() -> None:
    with listening(HOST, 0) as stranger:
        stranger.listen()
        port = stranger.getsockname()[1]
        with listening(HOST, port, any_port=True) as listener:
            assert listener.getsockname()[1] not in (0, port)


def test_any_port_takes_that_one_where_it_is_free() -> None:
    with listening(HOST, 0) as before:
        port = before.getsockname()[1]
    with listening(HOST, port, any_port=True) as listener:
        assert listener.getsockname()[1] == port


def test_any_port_does_not_help_with_an_address_of_another_machine() -> None:
    with pytest.raises(InvalidInput), listening("192.0.2.1", 7373, any_port=True):
        pass
