"""Errors of the SDK as errors of Opstwin, and settings that cannot be."""

import errno
from datetime import UTC, datetime

import pytest
import requests
from docker.errors import APIError, DockerException
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from opstwin.clock import VirtualClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput, NotFound, OpstwinError, Rejected, Timeout, Unreachable
from opstwin.targets.docker.clashes import is_image_missing, is_name_taken
from opstwin.targets.docker.client import path_of
from opstwin.targets.docker.driver import docker_driver
from opstwin.targets.docker.engine import Engine, Place
from opstwin.targets.docker.failures import translated
from opstwin.targets.docker.steps import Step
from opstwin.targets.ports import Order
from opstwin.targets.secrets import HubSecrets


def answered(status: int, body: str) -> APIError:
    response = requests.Response()
    response.status_code, response._content, response.reason = status, body.encode(), "Some Reason"
    return APIError("x", response=response)


def wrapped(cause: Exception) -> Exception:
    """As it comes out of the SDK while it asks for the version."""
    outer = DockerException(f"Error while fetching server API version: {cause}")
    outer.__cause__ = requests.ConnectionError(ProtocolError("Connection aborted.", cause))
    return outer


POOL = HTTPConnectionPool("x")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered(404, '{"message": "No such container: web-1"}'), NotFound),
        (answered(404, '{"message": "network x not found"}'), NotFound),
        (answered(404, '{"message": "get data: no such volume"}'), NotFound),
        (answered(404, '{"message": "page not found"}'), Rejected),
        (answered(404, "<html/>"), Rejected),
        (answered(400, '{"message": "invalid"}'), Rejected),
        (answered(409, '{"message": "conflict"}'), Rejected),
        (answered(500, '{"message": "no such container: but broken"}'), Rejected),
        (answered(502, "bad gateway"), Timeout),
        (answered(503, ""), Timeout),
        (wrapped(FileNotFoundError(errno.ENOENT, "No such file or directory")), Unreachable),
        (wrapped(ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")), Unreachable),
        (wrapped(PermissionError(errno.EACCES, "Permission denied")), Unreachable),
        (requests.ConnectTimeout("x"), Unreachable),
        (requests.ReadTimeout(ReadTimeoutError(POOL, "/x", "Read timed out.")), Timeout),
        (TimeoutError("timed out"), Timeout),
        (requests.ConnectionError(ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))), Timeout),
        (requests.ConnectionError(ProtocolError("x", BrokenPipeError(errno.EPIPE, "Broken pipe"))), Timeout),
        (ValueError("no JSON"), Unreachable),
        (KeyError("ApiVersion"), Unreachable),
    ],
)
def test_each_failure_says_who_must_act_next(error: Exception, kind: type[OpstwinError]) -> None:
    found = translated(error, "container.create", "unix:///x.sock")
    assert type(found) is kind
    assert found.details["operation"] == "container.create"
    assert found.next_step


def test_a_refusal_is_in_the_engines_own_words_without_passwords() -> None:
    found = translated(answered(400, '{"message": "bad url  http://u:hunter2secret@x/\\n."}'), "image.pull", "x")
    assert "bad url http://***@x/" in found.message
    assert "hunter2secret" not in f"{found} {found.details}"


def test_a_lost_cause_in_a_circle_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert isinstance(translated(first, "info", "x"), Unreachable)


def test_refusals_are_told_apart() -> None:
    taken = '{"message": "Conflict. The container name \\"/w\\" is already in use by container \\"12\\"."}'
    assert is_name_taken(translated(answered(409, taken), "container.create", "x"))
    assert not is_name_taken(translated(answered(409, '{"message": "busy"}'), "container.create", "x"))
    assert is_image_missing(translated(answered(404, '{"message": "No such image: x:1"}'), "container.create", "x"))
    assert not is_image_missing(translated(answered(404, '{"message": "No such container: x"}'), "c", "x"))


async def test_unreachable_after_the_first_change_means_unknown() -> None:
    change = Change(
        resource=ResourceId("here/volume/x"), target=TargetId("here"), kind="volume", name="x", op=Op.DELETE
    )
    engine = Engine(Place(endpoint="unix:///nothing.sock"), on_call=lambda call: None)
    step = Step(Order(change=change, key="x.0", fence=1, deadline_s=5), engine)
    away = Unreachable("Away.")
    with pytest.raises(Unreachable):
        await step.do("volume.remove", lambda api: None)
    assert step.honest(away) is away
    step._has_changed = True
    assert isinstance(step.honest(away), Timeout)
    await engine.close()


@pytest.mark.parametrize("part", ["a/b", "a?b", "a#b", "a b", "%2e", "a\nb", "é"])
def test_a_part_of_a_path_cannot_leave_its_place(part: str) -> None:
    path = path_of("containers", part, "json")
    assert path.count("/") == 3
    assert not set("?# \n") & set(path)


def place(endpoint: str = "unix:///x.sock", auth: str = "none", **settings: str) -> Target:
    return Target(
        id=TargetId("here"), display_name="Here", backend_type="docker", agent_endpoint=endpoint, auth_method=auth,
        settings=settings, created_at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "field"),
    [
        (place("sim://x"), "agent_endpoint"),
        (place(auth="api_key"), "auth_method"),
        (place("tcp://x:2376", "mtls", ca_file="/ca", cert_file="/cert"), "settings.key_file"),
        (place(call_timeout_s="soon"), "settings.call_timeout_s"),
        (place(call_timeout_s="0"), "settings.call_timeout_s"),
        (place(stop_grace_s="-1"), "settings.stop_grace_s"),
        (place(stop_grace_s="nan"), "settings.stop_grace_s"),
    ],
)
def test_a_target_that_cannot_be_reached_as_written_names_the_field(target: Target, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        docker_driver(target, secrets=HubSecrets({}), on_call=lambda call: None, clock=VirtualClock())
    assert refused.value.field == field
    assert refused.value.next_step


async def test_tls_files_that_are_missing_are_told_when_they_are_needed() -> None:
    target = place("tcp://127.0.0.1:9", "mtls", ca_file="/no/ca", cert_file="/no/cert", key_file="/no/key")
    driver = docker_driver(target, secrets=HubSecrets({}), on_call=lambda call: None, clock=VirtualClock())
    with pytest.raises(Rejected, match="TLS"):
        await driver.reader.info()
    await driver.writer.close()
