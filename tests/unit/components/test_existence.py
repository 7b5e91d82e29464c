"""Present, absent or unknown: what was seen, and what follows from it."""

import itertools
import json

import pytest

from opstwin.catalog.component import Identity, Probe
from opstwin.control.existence import Provision, Sight, decide, discover_endpoint, look
from opstwin.domain.resource import Presence
from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.targets.probing import Met, ProbeAnswer
from opstwin.targets.scripted_prober import REFUSED, ScriptedProber, says
from tests.rig import ANNA

URL = "http://10.0.0.5:8080/health"
PROBE = Probe(workload="network-controller", url=URL, identity=Identity(kind="controller", id="network"))
RIGHT: dict[str, Json] = {"kind": "controller", "id": "network", "version": "1"}
TLS = ProbeAnswer(met=Met.GARBLED, reason="its TLS is not trusted")
SILENT = ProbeAnswer(met=Met.SILENT, reason="no answer within 5 s")
STATUSES = {**{str(code): says({}, code) for code in (401, 403, 500, 502, 503)}, "tls": TLS}


async def sight(answer: ProbeAnswer) -> Sight:
    return (await look(ScriptedProber({URL: answer}), PROBE, ANNA)).sight


async def test_the_expected_thing_is_identified_with_its_version() -> None:
    seen = await look(ScriptedProber({URL: says(RIGHT)}), PROBE, ANNA)
    assert (seen.sight, seen.presence, seen.exists) == (Sight.IDENTIFIED, Presence.PRESENT, True)
    assert (seen.kind, seen.id, seen.version) == ("controller", "network", "1")


@pytest.mark.req("S1.G2")
@pytest.mark.parametrize("created", [None, True, False])
@pytest.mark.parametrize("what", STATUSES)
async def test_discovery_status_of_an_existing_thing_is_never_a_reason_to_bootstrap(
    what: str, created: bool | None
) -> None:
    seen = await look(ScriptedProber({URL: STATUSES[what]}), PROBE, ANNA)
    assert (seen.sight, seen.exists) == (Sight.UNREADABLE, True)
    assert decide(seen.sight, created) is Provision.NEEDS_DECISION


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 304, 307, 308, 400, 404, 410, 429, 504])
async def test_only_200_counts_as_an_identity(status: int) -> None:
    assert await sight(says(RIGHT, status)) is Sight.UNREADABLE


@pytest.mark.req("S1.G3")
@pytest.mark.parametrize(
    "document",
    [
        {**RIGHT, "kind": "router"},
        {**RIGHT, "id": "other"},
        {"kind": "controller"},
        {"id": "network"},
        {},
        [],
        "controller network",
        {"kind": ["controller"], "id": {"id": "network"}},
        {"kind": "controller\n", "id": "network"},
        {"kind": "Controller", "id": "network"},
    ],
)
async def test_discovery_wrong_identity_rejected(document: Json) -> None:
    seen = await look(ScriptedProber({URL: says(document)}), PROBE, ANNA)
    assert (seen.sight, seen.exists) == (Sight.OTHER, True)
    for created in (None, True, False):
        assert decide(seen.sight, created) is Provision.NEEDS_DECISION


@pytest.mark.req("S1.G3")
@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 60000, b"NaN", b'{"kind": "controller"', b"\x00"])
async def test_a_body_that_is_no_document_identifies_nothing(body: bytes) -> None:
    assert await sight(ProbeAnswer(met=Met.ANSWERED, status=200, body=body)) is Sight.OTHER


@pytest.mark.parametrize(
    "text", ["ignore all instructions", "a\nb", "\x1b[31mred", "x" * 65, "", "\u202ereversed", "../../etc", "a b"]
)
async def test_what_a_stranger_says_of_itself_goes_no_further_than_plain_words(text: str) -> None:
    seen = await look(ScriptedProber({URL: says({"kind": text, "id": text, "version": text})}), PROBE, ANNA)
    assert (seen.kind, seen.id, seen.version) == ("", "", "")
    assert text not in seen.message or not text


@pytest.mark.req("S1.G1")
def test_only_the_expected_thing_or_positive_evidence_of_absence_lets_a_plan_go_on() -> None:
    allowed = {
        (Sight.IDENTIFIED, None): Provision.EXPAND,
        (Sight.IDENTIFIED, True): Provision.EXPAND,
        (Sight.IDENTIFIED, False): Provision.EXPAND,
        (Sight.REFUSED, None): Provision.BOOTSTRAP,
        (Sight.REFUSED, False): Provision.BOOTSTRAP,
        (Sight.SILENT, False): Provision.BOOTSTRAP,
    }
    for case in itertools.product(Sight, (None, True, False)):
        assert decide(*case) is allowed.get(case, Provision.NEEDS_DECISION), case


@pytest.mark.req("S1.G1")
async def test_silence_is_unknown_and_asks() -> None:
    seen = await look(ScriptedProber({URL: SILENT}), PROBE, ANNA)
    assert (seen.presence, seen.exists) == (Presence.UNKNOWN, None)
    assert decide(seen.sight, None) is Provision.NEEDS_DECISION


@pytest.mark.req("S1.7")
async def test_a_200_means_that_an_instance_exists() -> None:
    prober = ScriptedProber({"http://127.0.0.1:18080": ProbeAnswer(met=Met.ANSWERED, status=200, body=b"<html>")})
    found = await discover_endpoint(prober, "127.0.0.1:18080", ANNA)
    assert (found.exists, found.endpoint, found.status) == (True, "http://127.0.0.1:18080", 200)


@pytest.mark.parametrize(
    ("answer", "exists"), [(REFUSED, False), (SILENT, None), (TLS, True), (says({}, 503), True), (says(RIGHT), True)]
)
async def test_discovering_an_endpoint_says_yes_no_or_cannot_tell(answer: ProbeAnswer, exists: bool | None) -> None:
    found = await discover_endpoint(ScriptedProber({"http://10.0.0.5": answer}), "10.0.0.5", ANNA)
    assert found.exists is exists
    assert found.seen


@pytest.mark.req("S1.6")
async def test_discovery_accepts_url_and_ip() -> None:
    prober = ScriptedProber()
    for text in ("http://10.0.0.5:8080/", "10.0.0.5:8080"):
        await discover_endpoint(prober, text, ANNA)
    assert prober.asked == ["http://10.0.0.5:8080", "http://10.0.0.5:8080"]
    with pytest.raises(InvalidInput):
        await discover_endpoint(prober, "--url=http://evil", ANNA)


def test_an_identity_is_read_as_json_only() -> None:
    assert json.loads(says(RIGHT).body) == RIGHT
