"""Signatures, challenges, files that `docker login` writes, and types by host."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opstwin.errors import InvalidInput, Rejected
from opstwin.registries.challenges import challenge_of
from opstwin.registries.kinds.amazon import Amazon
from opstwin.registries.kinds.plain import Plain
from opstwin.registries.kinds.signature import Keys, Realm, signed
from opstwin.registries.loading import load
from opstwin.registries.ports import Answer, Login, Place, Request, SigningIn
from opstwin.targets.secrets import HubSecrets
from tests.registry_stub import CANARY


class Nobody:
    """Nothing is asked."""

    async def ask(self, request: Request) -> Answer:
        raise AssertionError(request.url)


def signing(place: Place, **secrets: str) -> SigningIn:
    return SigningIn(place=place, secrets=HubSecrets(secrets), asker=Nobody(), now="20260105T090000Z")


@pytest.mark.req("S5.99")
def test_the_signature_is_the_one_of_awss_own_test_suite() -> None:
    # aws-sig-v4-test-suite: post-vanilla
    keys = Keys(access="AKIDEXAMPLE", secret="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    realm = Realm(region="us-east-1", service="service", now="20150830T123600Z")
    sent = signed("https://example.amazonaws.com/", {}, b"", keys, realm)
    assert sent["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        "SignedHeaders=host;x-amz-date, "
        "Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


HOSTS = {
    "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com": "ecr", "123456789.dkr.ecr.cn-north-1.amazonaws.com.cn": "ecr",
    "myregistry.azurecr.io": "acr", "gcr.io": "gcr", "eu.gcr.io": "gcr", "europe-west3-docker.pkg.dev": "gcr",
    "harbor.example.com": "harbor", "docker.io": "plain", "evil-azurecr.io": "plain", "evilgcr.io": "plain",
}  # fmt: skip


@pytest.mark.req("S5.99")
@pytest.mark.parametrize("host", HOSTS)
def test_a_cloud_registry_is_known_by_its_host(host: str) -> None:
    assert load([]).of_host(host) == HOSTS[host]


def test_the_token_service_is_read_from_the_challenge() -> None:
    found = challenge_of(['Basic realm="a", Bearer realm="https://a/t?x=1",service="s,1",scope="repository:a:pull"'])
    assert found is not None
    assert found.scheme == "bearer"
    assert found.parameters == {"realm": "https://a/t?x=1", "service": "s,1", "scope": "repository:a:pull"}
    assert challenge_of(["Negotiate", "Digest realm=a"]) is None
    basic = challenge_of(["Basic"])
    assert basic is not None
    assert basic.scheme == "basic"


@given(st.lists(st.text('Basicer Brealm="a\\,;', max_size=60) | st.text(max_size=60), max_size=3))
def test_any_challenge_is_read_or_left(headers: list[str]) -> None:
    found = challenge_of(headers)
    assert found is None or found.scheme in ("basic", "bearer")


def docker_config(folder: Path, **config: object) -> Place:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return Place(name="r", host="r.example.com", docker_config=str(path), source="registries.yaml")


async def test_a_login_is_taken_from_the_file_of_docker_login(tmp_path: Path) -> None:
    auth = base64.b64encode(f"ci:{CANARY}:x".encode()).decode()
    place = docker_config(tmp_path, auths={"https://r.example.com": {"auth": auth}})
    assert await Plain().login(signing(place)) == Login(username="ci", password=f"{CANARY}:x")
    place = docker_config(tmp_path, auths={"r.example.com": {"identitytoken": CANARY}})
    assert await Plain().login(signing(place)) == Login(refresh_token=CANARY)


BAD_FILES: dict[str, dict[str, object]] = {
    "another host": {"auths": {"other.example.com": {"auth": base64.b64encode(CANARY.encode()).decode()}}},
    "a program": {"credHelpers": {"r.example.com": "x"}, "auths": {"r.example.com": {}}},
    "a store": {"credsStore": "desktop", "auths": {"r.example.com": {}}},
    "no base64": {"auths": {"r.example.com": {"auth": f"{CANARY}!"}}},
    "a list": {"auths": [CANARY]},
}


@pytest.mark.parametrize("fault", BAD_FILES)
async def test_a_file_without_a_usable_login_is_refused_without_quoting_it(fault: str, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="docker_config") as told:
        await Plain().login(signing(docker_config(tmp_path, **BAD_FILES[fault])))
    assert CANARY not in f"{told.value}{told.value.details}"


async def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    place = Place(name="r", host="r.example.com", docker_config=str(tmp_path / "none.json"))
    with pytest.raises(Rejected, match=r"none\.json cannot be read"):
        await Plain().login(signing(place))


async def test_a_secret_without_a_name_asks_for_one() -> None:
    with pytest.raises(InvalidInput, match="username") as told:
        await Plain().login(signing(Place(name="r", host="r.example.com", credential="env:S"), S=CANARY))
    assert CANARY not in str(told.value)


@pytest.mark.parametrize("options", [{}, {"region": "eu/west"}, {"region": "eu-west-1", "api": "http://a.example"}])
async def test_keys_of_aws_need_a_region_and_an_api_behind_tls(options: dict[str, str]) -> None:
    place = Place(name="r", host="r.example.com", username="AKID", credential="env:S", options=options)
    with pytest.raises(InvalidInput, match=r"region|api"):
        await Amazon().login(signing(place, S="secret"))


def test_a_login_does_not_show_its_secret() -> None:
    assert CANARY not in repr(Login(username=CANARY, password=CANARY, refresh_token=CANARY))
    assert CANARY not in repr(Keys(access=CANARY, secret=CANARY, session=CANARY))
