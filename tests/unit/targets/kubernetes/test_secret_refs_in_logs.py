"""What a pod gets from a Secret is masked in its log; where the hub may not read the Secret, the log says so."""

import base64
import json
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from opstwin.domain.values import ResourceId
from opstwin.targets.kubernetes.pod_secrets import LARGEST
from opstwin.targets.ports import HUB, LogLine
from opstwin.targets.sim.kube.life.images import Image
from tests.unit.targets.kubernetes.clusters import Cluster, cluster, deployment, text_of

SECRET, PIN, SAID = "Zx9-kk21q-canary", "482913", "logged in with Zx9-kk21q-canary and 482913"
BY_KEY = {"env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "word"}}},
                  {"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "pin"}}}]}  # fmt: skip
WHOLE = {"envFrom": [{"secretRef": {"name": "db"}}]}
KEYS = [{"key": "word", "path": "w"}, {"key": "pin", "path": "p"}]
FILES = {"secret": {"secretName": "db"}}
ITEMS = {"secret": {"secretName": "db", "items": KEYS}}
PROJECTED = {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "db", "items": KEYS}}]}}


def furnished(
    here: Cluster, container: dict[str, Any], *, replicas: int = 1, volumes: Sequence[dict[str, Any]] = ()
) -> None:
    data = {key: base64.b64encode(value.encode()).decode() for key, value in (("word", SECRET), ("pin", PIN))}
    here.world.create({"kind": "Secret", "metadata": {"name": "db", "namespace": "default"}, "data": data})
    here.world.image("web:1", Image(log=(SAID,)))
    made = deployment("web", "web:1", replicas=replicas, container=container)
    made["spec"]["template"]["spec"]["volumes"] = [{"name": f"v{place}", **one} for place, one in enumerate(volumes)]
    here.world.create(made)
    here.world.advance(30)


async def read(here: Cluster, lines: int, *, follow: bool = False, tail: int = 10) -> list[LogLine]:
    found: Any = here.driver.reader.logs(ResourceId("prod/deployment/default/web"), tail=tail, follow=follow)
    heard: list[LogLine] = []
    async with aclosing(found) as all_of_them:
        async for line in all_of_them:
            heard.append(line)
            if len(heard) == lines:
                break
    return heard


@pytest.mark.proves("J1")
@pytest.mark.parametrize("container", [BY_KEY, WHOLE], ids=["by key", "whole"])
@pytest.mark.parametrize("follow", [False, True])
async def test_the_values_of_a_pods_secrets_are_masked_in_its_log(
    tmp_path: Path, container: dict[str, Any], follow: bool
) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, container)
        [line] = await read(here, 1, follow=follow)
        assert line.text == "logged in with *** and ***"
        kept = text_of(await here.seen())
    assert SECRET not in kept
    assert base64.b64encode(SECRET.encode()).decode() not in kept


@pytest.mark.proves("J1")
@pytest.mark.parametrize("volume", [FILES, ITEMS, PROJECTED], ids=["whole", "by key", "projected"])
@pytest.mark.parametrize("follow", [False, True])
async def test_what_a_pod_gets_as_files_is_masked_in_its_log(
    tmp_path: Path, volume: dict[str, Any], follow: bool
) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, {"volumeMounts": [{"name": "v0", "mountPath": "/run/db"}]}, volumes=[volume])
        [line] = await read(here, 1, follow=follow)
    assert line.text == "logged in with *** and ***"


async def test_the_files_of_the_pods_own_account_are_not_looked_for(tmp_path: Path) -> None:
    account = {"name": "v0", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}
    async with cluster(tmp_path) as here:
        furnished(here, {"volumeMounts": [account]}, volumes=[{"secret": {"secretName": "token-1"}}])
        [line] = await read(here, 1)
    assert line.text == SAID


def secret(here: Cluster, name: str, **data: str) -> None:
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    here.world.create({"kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "data": coded})


@pytest.mark.parametrize(
    "settings",
    [
        f"log_level: logged in\npassword: {SECRET}\npin: nothing\nOTP_PIN: {PIN}\n",
        f"LOG=logged in\nDB_PASSWORD={SECRET}\nOTP_PIN='{PIN}'\n",
        json.dumps({"say": "logged in", "db": {"password": SECRET, "otp_pin": PIN}}, indent=2),
        json.dumps({"password": SECRET, "otp_pin": PIN}),
    ],
    ids=["YAML", "variables", "JSON", "JSON on one line"],
)
async def test_of_files_with_settings_only_what_a_name_calls_secret_is_masked(tmp_path: Path, settings: str) -> None:
    async with cluster(tmp_path) as here:
        secret(here, "settings", conf=settings)
        furnished(here, {}, volumes=[{"secret": {"secretName": "settings"}}])
        [line] = await read(here, 1)
    assert line.text == "logged in with *** and ***"


async def test_certificates_are_no_secret_and_a_larger_file_is_told(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        secret(here, "ca", crt=f"-----BEGIN CERTIFICATE-----\n{'x' * LARGEST}\n-----END CERTIFICATE-----\n")
        secret(here, "large", text=f"{SECRET}{'x' * LARGEST}")
        furnished(here, {}, volumes=[{"secret": {"secretName": name}} for name in ("ca", "large")])
        said, line = await read(here, 2)
    assert "Secret default/large (some of its files: they are larger than 4096 characters" in said.text
    assert line.text == SAID


async def test_a_variable_is_masked_however_long_it_is(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        secret(here, "long", word=f"{SECRET}\n{'x' * LARGEST}")
        by_key = {"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "long", "key": "word"}}}]}
        furnished(here, by_key)
        [line] = await read(here, 1)
    assert line.text == "logged in with *** and 482913"


async def test_of_a_file_that_is_named_by_its_key_the_others_are_not_masked(tmp_path: Path) -> None:
    one = {"secret": {"secretName": "db", "items": KEYS[:1]}}
    gone = {"secret": {"secretName": "gone", "optional": True}}
    async with cluster(tmp_path) as here:
        furnished(here, {}, volumes=[one, gone])
        assert [line.text for line in await read(here, 1)] == ["logged in with *** and 482913"]


async def test_only_the_keys_that_it_gets_are_masked(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, {"env": BY_KEY["env"][:1]})
        assert (await read(here, 1))[0].text == "logged in with *** and 482913"


def without_secrets(here: Cluster) -> None:
    """Go on as an account that may read pods, their logs and their makers, and no Secret."""
    read = {"resources": ["pods", "pods/log", "deployments", "replicasets"], "verbs": ["get", "list", "watch"]}
    here.world.user("reader", "reading", rules=[{"apiGroups": [group], **read} for group in ("", "apps")])
    here.use("reading")


@pytest.mark.parametrize(("replicas", "follow"), [(1, False), (1, True), (3, False)])
async def test_where_the_account_may_not_read_the_secret_the_log_says_that_it_is_not_masked(
    tmp_path: Path, replicas: int, follow: bool
) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, BY_KEY, replicas=replicas)
        without_secrets(here)
        said, *lines = await read(here, 2 if follow else 10, follow=follow, tail=2)
    assert said.stream == HUB
    assert said.text.startswith("Opstwin could not read Secret default/db (the hub's account may not get it)")
    assert [line.text.rpartition(": ")[2] for line in lines] == [SAID] * min(replicas, 2)


async def test_a_secret_that_has_gone_is_told_and_hides_no_line(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, BY_KEY)
        here.world.remove("Secret", "default", "db")
        said, line = await read(here, 2)
    assert "it is not there any more" in said.text
    assert line.text == SAID


@pytest.mark.parametrize(
    ("container", "told"),
    [
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k", "optional": True}}}]}, False),
        ({"envFrom": [{"secretRef": {"name": "x", "optional": True}}]}, False),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k", "optional": True}}}]}, False),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k", "optional": True}}}],
          "envFrom": [{"secretRef": {"name": "x", "optional": True}}, {"secretRef": {"name": "db"}}]}, False),
        ({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "x", "key": "k", "optional": True}}}],
          "envFrom": [{"secretRef": {"name": "gone"}}]}, True),
    ],
    ids=["Secret by key", "whole Secret", "key", "all of them", "beside one that is needed"],
)  # fmt: skip
async def test_what_need_not_be_there_and_is_not_there_is_not_told(
    tmp_path: Path, container: dict[str, Any], told: bool
) -> None:
    async with cluster(tmp_path) as here:
        here.world.create({"kind": "Secret", "metadata": {"name": "gone", "namespace": "default"}, "data": {}})
        furnished(here, container)
        here.world.remove("Secret", "default", "gone")
        heard = await read(here, 10)
    assert [line.text for line in heard if line.stream == HUB and "Secret default/gone" not in line.text] == []
    assert any(line.stream == HUB for line in heard) is told
    assert any(line.stream != HUB for line in heard)


async def test_an_optional_secret_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    ref = {"secretRef": {"name": "db", "optional": True}}
    async with cluster(tmp_path) as here:
        furnished(here, {"envFrom": [ref]}, replicas=1)
        without_secrets(here)
        said = (await read(here, 10))[0]
    assert "may not get it" in said.text


async def test_the_name_of_a_secret_leads_to_no_other_one(tmp_path: Path) -> None:
    async with cluster(tmp_path) as here:
        furnished(here, {"env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db?", "key": "word"}}}]})
        said, line = await read(here, 2)
    assert "default/db? (it is not there any more)" in said.text
    assert line.text == SAID
