"""What is on the cluster counts as there; what is nowhere does not."""

from typing import Any

from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.world import References
from tests.unit.manifests.checks.goods import good, only, rules_in


def without(kind: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    manifests = good()
    [taken] = [item for item in manifests if item["kind"] == kind]
    return [item for item in manifests if item is not taken], taken


def test_what_is_neither_in_the_set_nor_on_the_cluster_does_not_exist() -> None:
    rest, _ = without("ConfigMap")
    found = checked(rest, known=References())
    assert {item.message for item in found.blocking} == {"ConfigMap shop/web does not exist."}
    assert all(item.rule == "refs/not-found" for item in found.blocking)


def test_without_a_cluster_it_cannot_be_told() -> None:
    rest, _ = without("ConfigMap")
    found = checked(rest)
    assert not found.blocking
    assert only_levels(found.findings) == {Level.INFO}


def only_levels(findings: Any) -> set[Level]:
    return {item.level for item in findings}


def test_what_nobody_could_look_at_is_not_taken_for_absent() -> None:
    rest, _ = without("Secret")
    for known in (References(unseen=frozenset({"Secret"})), References(namespaces=frozenset({"other"}))):
        found = checked(rest, known=known)
        assert not found.blocking
        assert "refs/not-in-set" in rules_in(found)
    assert checked(rest, known=References(namespaces=frozenset({"shop"}))).blocking


def test_each_thing_that_is_used_may_be_on_the_cluster() -> None:
    for kind in ("ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "Service", "Deployment"):
        rest, taken = without(kind)
        assert checked(rest, known=References(manifests=[taken])).findings == (), kind


def test_each_thing_that_is_used_is_missed_when_it_is_nowhere() -> None:
    for kind in ("ConfigMap", "Secret", "ServiceAccount", "PersistentVolumeClaim", "Service", "Deployment"):
        rest, _ = without(kind)
        messages = [
            item.message for item in checked(rest, known=References()).findings if item.rule == "refs/not-found"
        ]
        assert f"{kind} shop/web does not exist." in messages


def test_masked_secrets_of_the_cluster_show_their_keys() -> None:
    rest, _ = without("Secret")
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": "shop"}}
    secret["data"] = {"database-url": "•••"}
    assert checked(rest, known=References(manifests=[secret])).findings == ()
    secret["data"] = {"other": "•••"}
    assert "refs/key" in rules_in(checked(rest, known=References(manifests=[secret])))


def test_the_set_goes_before_what_is_on_the_cluster() -> None:
    manifests = good()
    old = {**next(item for item in manifests if item["kind"] == "ConfigMap"), "data": {"old": "x"}}
    assert checked(manifests, known=References(manifests=[old])).findings == ()


def test_the_same_name_in_another_namespace_is_another_thing() -> None:
    rest, taken = without("ConfigMap")
    taken["metadata"]["namespace"] = "other"
    assert "refs/not-found" in rules_in(checked([*rest, taken], known=References()))


def test_one_thing_given_twice_is_found() -> None:
    manifests = good()
    finding = only(checked([*manifests, manifests[1]]), "names/twice")
    assert finding.subject == "Service shop/web"


def test_what_the_cluster_makes_by_itself_is_there() -> None:
    manifests = good()
    spec = manifests[0]["spec"]["template"]["spec"]
    spec["serviceAccountName"] = "default"
    spec["containers"][0]["envFrom"] = [{"configMapRef": {"name": "kube-root-ca.crt"}}]
    assert not checked(manifests, known=References()).blocking


def test_claims_of_a_stateful_set_are_volumes() -> None:
    manifests = good()
    found = manifests[0]
    found["kind"] = "StatefulSet"
    found["spec"].pop("strategy")
    found["spec"]["serviceName"] = "web"
    found["spec"]["template"]["spec"]["volumes"].pop(2)
    found["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}]
    manifests[6]["spec"]["scaleTargetRef"]["kind"] = "StatefulSet"
    assert not checked(manifests).blocking


def test_keys_of_projected_volumes_are_checked() -> None:
    manifests = good()
    source = {"secret": {"name": "web", "items": [{"key": "nope", "path": "a"}]}}
    manifests[0]["spec"]["template"]["spec"]["volumes"][0] = {"name": "tmp", "projected": {"sources": [source]}}
    finding = only(checked(manifests), "refs/key")
    assert finding.path[-2:] == (0, "key")
    assert "nope" in finding.message
