"""Calls whose client went away, and calls made by several at once: one execution, one effect per step."""

import json
import socket
import struct
from urllib.parse import urlsplit

import pytest

from tests.reliability.accounting import account_for_hub
from tests.reliability.hubs import API, Hub

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends a reset."""


def request(hub: Hub, path: str, key: str, body: bytes = b"{}") -> bytes:
    """A whole POST as it goes over the wire."""
    head = [
        f"POST {API}{path} HTTP/1.1", f"Host: {urlsplit(hub.url).netloc}", f"Authorization: Bearer {hub.token}",
        f"Idempotency-Key: {key}", "Content-Type: application/json", f"Content-Length: {len(body)}", "", "",
    ]  # fmt: skip
    return "\r\n".join(head).encode() + body


def hang_up(peer: socket.socket, how: str) -> None:
    """End a connection without having read from it."""
    if how == "reset":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()


@pytest.mark.proves("B1")
@pytest.mark.parametrize("how", ["closed", "reset"])
def test_an_apply_whose_client_hung_up_and_sends_it_again_is_one_execution_with_one_effect_per_step(
    hub_once: Hub, how: str
) -> None:
    name = f"web-{how}"
    plan = hub_once.approved(f"deploy nginx:1.27 as {name} with 2 replicas")
    hang_up(hub_once.raw(request(hub_once, f"/plans/{plan['id']}:apply", f"{how}-1")), how)
    again = hub_once.apply(plan, Idempotency_Key=f"{how}-2")
    assert again.status == 202
    once_more = hub_once.apply(plan, Idempotency_Key=f"{how}-1")
    assert once_more.body["id"] == again.body["id"]
    assert hub_once.ended(again.body["id"])["state"] == "succeeded"
    assert len(hub_once.get(f"/executions?plan_id={plan['id']}")["items"]) == 1
    mine = [effect for effect in hub_once.world.effects if effect.resource.startswith(f"local/container/{name}-")]
    assert sorted(effect.key for effect in mine) == [f"{again.body['id']}.{step}" for step in range(2)]


@pytest.mark.proves("B1")
def test_an_apply_that_was_cut_off_half_way_starts_nothing(hub_once: Hub) -> None:
    plan = hub_once.approved("deploy redis:7 as queue")
    whole = request(hub_once, f"/plans/{plan['id']}:apply", "cut", b"{ }")
    for cut in (40, len(whole) - 2, len(whole) - 1):
        hang_up(hub_once.raw(whole[:cut]), "closed")
    assert hub_once.get(f"/plans/{plan['id']}")["state"] == "approved"
    assert hub_once.get(f"/executions?plan_id={plan['id']}")["items"] == []
    assert hub_once.ended(hub_once.apply(plan, Idempotency_Key="cut").body["id"])["state"] == "succeeded"


@pytest.mark.proves("B1")
def test_an_applier_that_loses_its_event_stream_and_calls_again_joins_the_same_execution(hub_once: Hub) -> None:
    plan = hub_once.approved("deploy nginx:1.27 as watched with 3 replicas")
    first = hub_once.apply(plan, Idempotency_Key="watched").body["id"]
    ask = f"GET {API}/events?execution_id={first}&after=0 HTTP/1.1\r\nHost: {urlsplit(hub_once.url).netloc}\r\n"
    peer = hub_once.raw(f"{ask}Authorization: Bearer {hub_once.token}\r\nAccept: text/event-stream\r\n\r\n".encode())
    assert b" 200 " in peer.recv(200)
    hang_up(peer, "reset")
    assert hub_once.apply(plan).body["id"] == first
    assert hub_once.ended(first)["state"] == "succeeded"
    assert sum(key.startswith(first) for key in hub_once.effect_keys()) == 3


@pytest.mark.req("S1.1")
def test_two_command_lines_that_apply_one_plan_at_once_share_one_execution(hub_once: Hub) -> None:
    plan = hub_once.approved("deploy nginx:1.27 as shared with 3 replicas")
    ended = hub_once.at_once(*[["apply", plan["id"], "-o", "json"]] * 2)
    assert [item.returncode for item in ended] == [0, 0], [item.stderr for item in ended]
    executions = [json.loads(item.stdout)["execution"] for item in ended]
    assert executions[0]["id"] == executions[1]["id"]
    assert {item["state"] for item in executions} == {"succeeded"}
    keys = [key for key in hub_once.effect_keys() if key.startswith(executions[0]["id"])]
    assert len(keys) == len(set(keys)) == 3


@pytest.mark.proves("C1")
def test_of_two_command_lines_that_apply_two_plans_on_one_target_at_once_one_runs(hub_once: Hub) -> None:
    hub_once.change("deploy nginx:1.27 as torn with 2 replicas")
    plans = [hub_once.approved(words) for words in ("upgrade torn to nginx:1.28", "scale torn to 3")]
    ended = hub_once.at_once(*(["apply", plan["id"], "-o", "json"] for plan in plans))
    codes = sorted(item.returncode for item in ended)
    assert codes == [0, 1], [item.stderr for item in ended]
    [refused] = [json.loads(item.stderr.splitlines()[-1])["error"] for item in ended if item.returncode]
    assert refused["code"] in ("conflict", "stale_plan")
    [loser] = [plan for plan, item in zip(plans, ended, strict=True) if item.returncode]
    late = hub_once.apply(loser)
    assert (late.status, late.body["code"]) == (409, "stale_plan")


@pytest.mark.proves("K4")
def test_after_all_this_every_effect_is_accounted_for(hub_once: Hub) -> None:
    hub_once.change("deploy redis:7 as ledger")
    account_for_hub(hub_once)
