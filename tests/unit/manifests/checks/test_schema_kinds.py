"""Kinds and versions: what a release serves, what it no longer serves, and what is only defined by the user."""

from typing import Any

import pytest

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.world import References
from tests.unit.manifests.checks.goods import only, report, rules_in

DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Widget", "plural": "widgets"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "spec": {
                                "type": "object",
                                "required": ["size"],
                                "properties": {
                                    "size": {"type": "integer", "minimum": 1, "maximum": 9},
                                    "colour": {"type": "string", "enum": ["red", "blue"]},
                                    "code": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3},
                                    "port": {"x-kubernetes-int-or-string": True},
                                    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                                    "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
                                    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                                    "way": {
                                        "type": "object",
                                        "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                                        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                                    },
                                },
                            }
                        },
                    }
                },
            }
        ],
    },
}


def widget(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": spec}


def of_kind(api: str, kind: str, **rest: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": "x"}, **rest}


@pytest.mark.parametrize(
    ("api", "kind", "version", "gone", "use"),
    [
        ("policy/v1beta1", "PodDisruptionBudget", "1.25", "1.25", "policy/v1"),
        ("batch/v1beta1", "CronJob", "1.25", "1.25", "batch/v1"),
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", "1.26", "autoscaling/v2"),
        ("extensions/v1beta1", "Ingress", "1.22", "1.22", "networking.k8s.io/v1"),
        ("extensions/v1beta1", "Deployment", "1.20", "1.16", "apps/v1"),
        ("policy/v1beta1", "PodSecurityPolicy", "1.25", "1.25", "Pod Security Admission"),
        ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema", "1.32", "1.32", "flowcontrol.apiserver.k8s.io/v1"),
        ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "1.22", "1.22", "apiextensions.k8s.io/v1"),
    ],
)
def test_a_removed_version_is_named_with_its_replacement(
    api: str, kind: str, version: str, gone: str, use: str
) -> None:
    finding = only(checked([of_kind(api, kind)], version=version), "schema/removed-api")
    assert gone in finding.message
    assert use in finding.fix


@pytest.mark.parametrize(
    ("api", "kind", "use"),
    [
        ("autoscaling/v2", "HorizontalPodAutoscaler", "autoscaling/v2beta2"),
        ("policy/v1", "PodDisruptionBudget", "policy/v1beta1"),
        ("batch/v1", "CronJob", "batch/v1beta1"),
    ],
)
def test_what_an_old_release_does_not_serve_yet_is_named_with_what_it_does(api: str, kind: str, use: str) -> None:
    assert use in only(checked([of_kind(api, kind)], version="1.20"), "schema/not-yet-served").fix


def test_a_version_that_will_go_is_a_warning_that_says_when() -> None:
    finding = only(checked([of_kind("policy/v1beta1", "PodDisruptionBudget")], version="1.24"), "schema/deprecated-api")
    assert finding.level is Level.WARNING
    assert "gone in Kubernetes 1.25" in finding.message
    assert "policy/v1." in finding.fix


def test_a_stable_version_beside_a_newer_one_is_not_deprecated() -> None:
    manifest = of_kind("autoscaling/v1", "HorizontalPodAutoscaler")
    assert "schema/deprecated-api" not in rules_in(checked([manifest]))


@pytest.mark.parametrize(
    ("field", "since", "before"),
    [("trafficDistribution", "1.30", "1.29"), ("internalTrafficPolicy", "1.21", "1.20")],
)
def test_a_field_is_unknown_before_the_release_that_brings_it(field: str, since: str, before: str) -> None:
    change = (f"Service.spec.{field}", "Local")
    assert "schema/unknown-field" in rules_in(report(change, version=before))
    assert "schema/unknown-field" not in rules_in(report(change, version=since))


def test_a_misspelt_field_is_told_its_likely_name() -> None:
    assert "Is it replicas?" in only(report(("Deployment.spec.replcas", 3)), "schema/unknown-field").fix


@pytest.mark.parametrize("version", ["1.20", "v1.29.4-gke.1043002", "1.37", "1.31.2+k3s1"])
def test_a_version_is_read_as_clusters_write_it(version: str) -> None:
    assert report(version=version).version == ".".join(version.removeprefix("v").split(".")[:2])


@pytest.mark.parametrize("version", ["", "latest", "2.0", "1.x", "1.99999"])
def test_what_is_no_version_is_refused_with_what_is(version: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        report(version=version)
    assert caught.value.field == "version"
    assert "1.20 to 1.37" in caught.value.next_step


@pytest.mark.parametrize(("version", "used"), [("1.12", "1.20"), ("1.44", "1.37")])
def test_a_release_without_schemas_is_checked_by_the_nearest_and_that_is_said(version: str, used: str) -> None:
    found = report(version=version)
    assert found.version == used
    assert used in only(found, "schema/other-version").message


def test_a_custom_kind_passes_when_its_definition_is_in_the_set() -> None:
    assert not checked([DEFINITION, widget(size=3)]).blocking
    assert "schema/unknown-kind" in rules_in(checked([widget(size=3)]))


def test_a_custom_kind_passes_when_its_definition_is_known_on_the_cluster() -> None:
    assert not checked([widget(size=3)], known=References(manifests=[DEFINITION])).blocking


def test_a_custom_kind_that_is_only_known_to_be_served_is_said_to_be_unchecked() -> None:
    known = References(served=frozenset({("example.com/v1", "Widget")}))
    found = checked([widget(anything=1)], known=known)
    assert only(found, "schema/unchecked").level is Level.INFO
    assert not found.blocking


@pytest.mark.parametrize(
    ("spec", "rule", "path"),
    [
        ({"size": "3"}, "schema/wrong-type", ("spec", "size")),
        ({}, "schema/missing", ("spec", "size")),
        ({"size": 0}, "schema/constraint", ("spec", "size")),
        ({"size": 10}, "schema/constraint", ("spec", "size")),
        ({"size": 1, "colour": "green"}, "schema/constraint", ("spec", "colour")),
        ({"size": 1, "code": "abc"}, "schema/constraint", ("spec", "code")),
        ({"size": 1, "code": "ABCD"}, "schema/constraint", ("spec", "code")),
        ({"size": 1, "sise": 1}, "schema/unknown-field", ("spec", "sise")),
        ({"size": 1, "tags": []}, "schema/constraint", ("spec", "tags")),
        ({"size": 1, "tags": [1]}, "schema/wrong-type", ("spec", "tags", 0)),
        ({"size": 1, "limits": {"a": "b"}}, "schema/wrong-type", ("spec", "limits", "a")),
        ({"size": 1, "port": 1.5}, "schema/wrong-type", ("spec", "port")),
        ({"size": 1, "way": {"a": "x", "b": "y"}}, "schema/constraint", ("spec", "way")),
        ({"size": 1, "way": {}}, "schema/constraint", ("spec", "way")),
    ],
)
def test_a_custom_kind_is_checked_by_its_definition(spec: dict[str, Any], rule: str, path: tuple[str, ...]) -> None:
    found = [(item.rule, item.path) for item in checked([DEFINITION, widget(**spec)]).blocking]
    assert (rule, path) in found


def test_what_a_definition_allows_is_fine() -> None:
    spec = {
        "size": 9, "colour": "red", "code": "ABC", "port": "http", "tags": ["a"], "limits": {"a": 1},
        "free": {"any": {"thing": [1]}}, "way": {"b": "x"},
    }  # fmt: skip
    assert not checked([DEFINITION, widget(**spec)]).blocking


def test_a_definition_with_a_hostile_pattern_costs_no_time_and_no_crash() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    hostile = {**DEFINITION, "spec": {**DEFINITION["spec"]}}
    hostile["spec"]["versions"] = [{"name": "v1", "served": True, "schema": {"openAPIV3Schema": schema}}]
    manifest = {**widget(), "a": "a" * 50_000 + "!"}
    assert "schema/constraint" in rules_in(checked([hostile, manifest]))


@pytest.mark.parametrize("spec", [None, [], 7, {"versions": 3}, {"versions": [None]}, {"group": [], "names": 1}])
def test_a_broken_definition_defines_nothing(spec: object) -> None:
    broken = {**DEFINITION, "spec": spec}
    assert "schema/unknown-kind" in rules_in(checked([broken, widget(size=1)]))
