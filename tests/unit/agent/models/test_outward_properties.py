"""Whatever a typed secret looks like, and however it is written in a request, no body holds it."""

import base64
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from opstwin.agent.models import anthropic_wire, openai_wire
from opstwin.agent.models.outward import covering, outward
from opstwin.agent.models.port import Message, ModelRequest, Role, ToolCall
from opstwin.domain.secret_text import pattern_of
from opstwin.logs import MASK
from tests.unit.agent.models.requests import asked

SECRETS = st.text(string.ascii_letters + string.digits + '"\\/+=-_.:!@#$%&é한', min_size=8, max_size=48)
WRITTEN: dict[str, Callable[[str], str]] = {
    "plain": str,
    "backwards": lambda secret: secret[::-1],
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json in json": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "hex": lambda secret: secret.encode().hex(),
}
BODIES: dict[str, Callable[[ModelRequest], dict[str, Any]]] = {
    "openai": lambda one: openai_wire.body_of(one, "m", compatible=False, room=0, streaming=False),
    "compatible": lambda one: openai_wire.body_of(one, "m", compatible=True, room=0, streaming=True),
    "anthropic": lambda one: anthropic_wire.body_of(one, "m", shape=dict, room=0, streaming=False),
}


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1", "J2")
@pytest.mark.parametrize("body_of", BODIES.values(), ids=BODIES)
@given(
    secret=SECRETS,
    before=st.sampled_from(["", "value is ", "user:", '{"a": "']),
    after=st.sampled_from(["", " ", ":x"]),
)
@settings(max_examples=60, deadline=None)
def test_no_form_of_a_typed_secret_is_in_a_body(
    body_of: Callable[[ModelRequest], dict[str, Any]], secret: str, before: str, after: str
) -> None:
    assume(len(set(secret)) > 3)
    forms = {name: write(secret) for name, write in WRITTEN.items()}
    pattern = pattern_of([secret])
    assert pattern is not None
    hide = pattern
    cover = covering(lambda text: hide.sub(MASK, text))
    texts = [f"{before}{form}{after}" for form in forms.values()]
    call = ToolCall(id="a", name="f", arguments={"deep": {"list": list(texts)}})
    request = asked(
        system=" ; ".join(texts), examples="\n".join(texts),
        messages=[Message(role=Role.USER, text=text) for text in texts]
        + [Message(role=Role.ASSISTANT, text="", calls=(call,))],
    )  # fmt: skip
    sent = " ".join(_texts(body_of(outward(request, cover))))
    assert [name for name, form in forms.items() if form in sent] == []


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []
