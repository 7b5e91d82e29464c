"""Whatever the input is, the checks end with typed findings."""

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Level, Report
from opstwin.manifests.checks.linting import LintOptions, Named, lint
from opstwin.manifests.checks.policy import policy_from
from opstwin.manifests.checks.rules import RULES
from opstwin.manifests.checks.world import References
from tests.unit.manifests.checks.goods import TEXT, good

POLICY = policy_from("rules: [{name: own, expression: 'has(object.spec) && object.spec.replicas < 5'}]")
GOOD = good()
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=20),
    st.sampled_from(["", "/", "0", "100%", "1e400", "--", "a:b@c", "\ud800", "🦀", "10Gi", "@every 1s", "*/0 * * * *"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths_in(item, (*path, key))
    return found


PATHS = [(number, *path) for number, item in enumerate(GOOD) for path in paths_in(item)]


def is_well_formed(report: Report) -> bool:
    return all(
        item.level in Level
        and (item.rule in RULES or item.rule == "policy/own")
        and item.message.isprintable() and len(item.message) < 2_000
        and item.fix and item.line >= 0
        for item in report.findings
    )  # fmt: skip


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=4), old=st.booleans())
def test_any_value_at_any_place_ends_in_findings(changes: list[tuple[tuple[Any, ...], Any]], old: bool) -> None:
    manifests: Any = copy.deepcopy(GOOD)
    for path, value in changes:
        place = manifests
        for step in path[:-1]:
            fits = isinstance(place, dict) and step in place
            place = (
                place[step] if fits or (isinstance(place, list) and isinstance(step, int) and step < len(place)) else {}
            )
        if isinstance(place, dict) or (isinstance(place, list) and isinstance(path[-1], int) and path[-1] < len(place)):
            place[path[-1]] = value
    version, known = ("1.20", References(manifests=manifests[:3])) if old else (None, None)
    assert is_well_formed(checked(manifests, version=version, policy=POLICY, known=known))


@settings(max_examples=100, deadline=None)
@given(manifests=st.lists(st.dictionaries(st.text(max_size=12), VALUES, max_size=5), max_size=4))
def test_any_data_ends_in_findings(manifests: list[dict[str, Any]]) -> None:
    assert is_well_formed(checked(manifests, policy=POLICY))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_end_in_findings(data: bytes) -> None:
    report = lint([Named(name="x", text=data.decode("utf-8", "replace"))], LintOptions(policy=POLICY))
    assert is_well_formed(report.report)


@settings(max_examples=100, deadline=None)
@given(
    cut=st.tuples(st.integers(0, len(TEXT)), st.integers(0, 60)),
    put=st.text(alphabet="&*!|>%@`{}[]:,-?#'\"\\ \n\tax0~<\x00\ud800", max_size=12),
)
def test_a_text_with_a_piece_replaced_ends_in_findings(cut: tuple[int, int], put: str) -> None:
    begin, length = cut
    report = lint([Named(name="x", text=TEXT[:begin] + put + TEXT[begin + length :])], LintOptions(policy=POLICY))
    assert is_well_formed(report.report)


def test_a_number_of_any_length_ends_in_findings() -> None:
    manifests = good()
    manifests[0]["spec"]["replicas"] = 10**5_000
    manifests[0]["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] = 10**5_000
    report = checked(manifests, policy=POLICY)
    assert is_well_formed(report)
    assert {"values/quantity", "schema/wrong-type"} <= {item.rule for item in report.findings}


def test_data_that_is_deeper_than_any_text_ends_in_a_finding() -> None:
    deep: Any = "x"
    for _ in range(3_000):
        deep = {"properties": {"a": deep}}
    schema = {"openAPIV3Schema": deep}
    manifest: dict[str, Any] = {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b.c"},
        "spec": {"group": "b.c", "names": {"kind": "A", "plural": "a"}, "scope": "Namespaced",
                 "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]},
    }  # fmt: skip
    custom = {"apiVersion": "b.c/v1", "kind": "A", "metadata": {"name": "a"}, "a": {"a": 1}}
    assert "text/limit" in {item.rule for item in checked([manifest, custom]).findings}
