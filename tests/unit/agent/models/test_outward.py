"""No secret leaves for a provider: canaries in every place of a request, on every wire, in every form."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from opstwin.agent.models.failures import Reason
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.outward import covering, outward
from opstwin.agent.models.port import Message, ModelRequest, Role, ToolCall, ToolOffer
from opstwin.agent.models.scripted import Fault
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.domain.secret_text import pattern_of
from opstwin.errors import ModelError
from opstwin.logs import MASK
from tests.unit.agent.models.requests import KEY, KINDS, OPENAI, asked, gateway, settings_of, streamed

CANARY = 'c4n4ry"Hk27/+q'
"""Typed as a secret in the twin; JSON and base64 write it in other letters."""

FORMS = {
    "plain": CANARY,
    "base64": base64.b64encode(CANARY.encode()).decode(),
    "base64 inside": base64.b64encode(b"user:" + CANARY.encode() + b":more").decode(),
    "json": json.dumps({"a": CANARY}),
    "json in json": json.dumps(json.dumps({"a": CANARY})),
    "backwards": CANARY[::-1],
    "in pieces": " ".join(CANARY),
    "hex": CANARY.encode().hex(),
}
LOOKS = {
    "assignment": "DB_PASSWORD=hunter2-correct-horse",
    "token": "ghp_0123456789abcdefghijABCDEFGHIJ",
    "in json": '{"api_key": "hunter2-correct-horse"}',
    "url": "postgres://hub:hunter2-correct-horse@db/twin",
}
"""Nobody named these a secret; they look like one."""


def veil(text: str) -> str:
    """As the hub's own, for this one secret."""
    pattern = pattern_of([CANARY])
    assert pattern is not None
    return pattern.sub(MASK, text)


def everywhere(text: str) -> ModelRequest:
    """A request with `text` in every place that takes one."""
    named: dict[str, Any] = {
        "properties": {"a": {"description": text, "enum": [text, "x"], "default": {"deep": [text]}}}
    }
    calls = (
        ToolCall(id="a", name="plan_show", arguments={"env": {"A": text}, "list": [text]}),
        ToolCall(id=text, name="plan_show", arguments=None, raw=text),
    )
    thread = [
        Message(role=Role.USER, text=f"why {text}?"),
        Message(role=Role.ASSISTANT, text=text, calls=calls),
        Message(role=Role.TOOL, text=f"logs: {text}", call_id="a"),
        Message(role=Role.TOOL, text=text, call_id=text),
    ]
    tool = ToolOffer(name="plan_show", description=f"Shows {text}.", schema={"type": "object", **named})
    schema = {"type": "object", **named}
    return asked(messages=thread, system=f"You are {text}", examples=f"Example: {text}", tools=[tool], schema=schema)


def secrets_in(body: str) -> list[str]:
    """What of the canary a reader of the wire could make out, as it stands or with its JSON read."""
    texts = [body, *_texts(json.loads(body))]
    pattern = pattern_of([CANARY])
    assert pattern is not None
    return [text[:200] for text in texts if pattern.search(text) or "hunter2" in text or "ghp_0123" in text]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *_texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1", "J2", "J5")
@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("form", [*FORMS.values(), *LOOKS.values()], ids=[*FORMS, *LOOKS])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_secret_is_on_the_wire_of_any_provider(kind: str, form: str, streaming: bool) -> None:
    server = ScriptedServer(otherwise="fine")
    model = gateway(server, KINDS[kind], veil=veil)
    request = everywhere(form)
    if streaming:
        await streamed(model, request)
    else:
        await model.complete(request)
    assert len(server.requests) == 1
    sent = server.requests[0].body.decode()
    assert secrets_in(sent) == []
    assert sent.count(MASK) >= 9, "the places are there, with a mask in each"
    assert KEY not in sent


@pytest.mark.req("S5.G4")
def test_this_test_would_see_a_secret() -> None:
    for form in (*FORMS.values(), *LOOKS.values()):
        assert secrets_in(json.dumps({"a": [form]}))


@pytest.mark.req("S5.G4")
def test_a_value_whose_name_says_secret_is_masked_and_a_reference_is_not() -> None:
    arguments: dict[str, Any] = {"env": {"DB_PASSWORD": "correct horse", "PORT": "80"}, "token": ["correct horse"],
                                 "secret_env": {"A": "env:NAME"}, "api_key": "file:key"}  # fmt: skip
    thread = [Message(role=Role.ASSISTANT, text="", calls=(ToolCall(id="a", name="f", arguments=arguments),))]
    sent = outward(asked(messages=thread), covering(str)).messages[0].calls[0].arguments
    assert sent == {"env": {"DB_PASSWORD": MASK, "PORT": "80"}, "token": [MASK], "secret_env": {"A": "env:NAME"},
                    "api_key": "file:key"}  # fmt: skip


def test_a_request_without_secrets_leaves_as_it_is() -> None:
    request = asked("Deploy web with image nginx:1.27, 256Mi, port 80.", schema={"type": "object", "required": ["a"]})
    assert outward(request, covering(str)) == replace(request, messages=tuple(request.messages))


@pytest.mark.req("S5.G4")
async def test_what_hides_secrets_is_made_ready_before_each_request() -> None:
    known: list[str] = []
    server = ScriptedServer(otherwise="fine")

    async def learn() -> None:
        known.append(CANARY)

    def hide(text: str) -> str:
        return text.replace(CANARY, MASK) if known else text

    model = open_model(settings_of(OPENAI), VirtualClock(), hide, ready=learn, environ={"KEY": KEY},
                       http=client_of(server))  # fmt: skip
    await model.complete(asked(f"why {CANARY}?"))
    assert secrets_in(server.requests[0].body.decode()) == []


@pytest.mark.req("S5.G4")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_provider_that_repeats_the_key_or_a_secret_is_not_quoted(kind: str) -> None:
    words = f"Invalid: {KEY} and {CANARY}"
    server = ScriptedServer(otherwise=Fault(status=404, text=words))
    place = {**KINDS[kind], "credential": "env:KEY"}
    with pytest.raises(ModelError) as told:
        await gateway(server, place, veil=veil).complete(asked())
    assert told.value.details["reason"] == Reason.REFUSED.value
    whole = str(told.value) + repr(told.value.details)
    assert (KEY in whole, CANARY in whole, "Invalid" in whole) == (False, False, True)


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1", "J5")
@pytest.mark.parametrize("words", ["my password is hunter2horse", "set env DB_PASSWORD to hunter2horse on web",
                                   "비밀번호는 hunter2horse 야", "pw: hunter2horse"])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
async def test_a_secret_that_a_person_tells_in_a_sentence_does_not_leave(kind: str, words: str) -> None:
    server = ScriptedServer(otherwise="fine")
    thread = [Message(role=Role.USER, text=words), Message(role=Role.USER, text="and now?")]
    await gateway(server, KINDS[kind]).complete(asked(messages=thread, purpose="chat"))
    sent = server.requests[0].body.decode()
    assert secrets_in(sent) == []
    assert MASK in sent
    assert "and now?" in sent
