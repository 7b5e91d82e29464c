"""How a manifest is told in a plan: leaf by leaf, with every value that may be secret hidden."""

import copy
from typing import Any

from opstwin.domain.plan import Op
from tests.unit.domain.test_plan_text import changed, plan_of, text

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "namespace": "shop"},
    "spec": {
        "replicas": 2,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "web",
                        "image": "nginx:1.27",
                        "env": [{"name": "API_KEY", "value": "canary-1"}, {"name": "LEVEL", "value": "debug"}],
                    }
                ]
            }
        },
    },
}
WEB = "spec.template.spec.containers.web"


def lines(op: Op, before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    return [line.strip() for line in text(plan_of(changed(op, "shop/web", before, after))).splitlines()]


def test_a_manifest_that_is_made_is_told_leaf_by_leaf() -> None:
    told = lines(Op.CREATE, None, DEPLOYMENT)
    assert f'+ {WEB}.image = "nginx:1.27"' in told
    assert f'+ {WEB}.env.LEVEL.value = "debug"' in told
    assert not any("apiVersion" in line for line in told)


def test_a_variable_that_is_added_is_told_alone() -> None:
    after = copy.deepcopy(DEPLOYMENT)
    after["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "NEW", "value": "x"})
    told = lines(Op.UPDATE, DEPLOYMENT, after)
    assert f'+ {WEB}.env.NEW.value = "x"' in told
    assert not any("LEVEL" in line for line in told)


def test_another_version_of_the_interface_is_told() -> None:
    told = lines(Op.UPDATE, DEPLOYMENT, {**DEPLOYMENT, "apiVersion": "apps/v2"})
    assert '~ apiVersion = "apps/v1" -> "apps/v2"' in told


def test_no_secret_of_a_manifest_is_told_in_any_form_of_list() -> None:
    twice = copy.deepcopy(DEPLOYMENT)
    twice["spec"]["template"]["spec"]["containers"][0]["env"].append({"name": "API_KEY", "value": "canary-2"})
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"DB_PASSWORD": "canary-3"}}
    told = [*lines(Op.CREATE, None, twice), *lines(Op.UPDATE, DEPLOYMENT, twice), *lines(Op.CREATE, None, config)]
    assert not any("canary" in line for line in told)
    assert any("API_KEY" in line for line in told)


def test_a_secret_by_reference_names_its_place() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "stringData": {"KEY": {"secretRef": "env:SHOP_KEY"}}}
    assert "+ stringData.KEY.secretRef = (secret from env:SHOP_KEY)" in lines(Op.CREATE, None, secret)
