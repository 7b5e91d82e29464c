"""The difference, made in what is wanted, gives what is there of it: for all manifests."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.domain.diff import apply, same
from opstwin.domain.values import Json
from opstwin.manifests.difference import difference, laid_over
from opstwin.manifests.ownership import owned_by, remainder, restricted
from tests.unit.manifests.shop import Object, fields_of, owning

often = settings(deadline=None, max_examples=300)
kinds = st.sampled_from(["deployment", "configmap", "service", "networkpolicy", "widget.example.com"])
names = st.sampled_from(["web", "db", "a"])
leaves = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "1", "0.5", "500m", "web"])
fields = st.sampled_from(["spec", "data", "labels", "limits", "selector", "cpu", "storage", "port", "rules", "name"])


def nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    objects = st.dictionaries(fields, inner, max_size=3)
    named = st.lists(st.builds(lambda name, rest: {**rest, "name": name}, names, objects), max_size=3)
    ports = st.lists(st.fixed_dictionaries({"containerPort": st.integers(1, 3)}, optional={"name": names}), max_size=2)
    keyed = st.fixed_dictionaries(
        {}, optional={"containers": named, "env": named, "initContainers": named, "ports": ports, "rules": named}
    )
    return objects | keyed | st.lists(inner, max_size=3)


bodies = st.recursive(leaves, nested, max_leaves=12)
labels = st.dictionaries(names, st.sampled_from(["1", "2", ""]), max_size=2)


def manifests() -> st.SearchStrategy[Object]:
    return st.builds(
        lambda spec, marked: {
            "apiVersion": "v1", "kind": "X", "spec": spec,
            "metadata": {"name": "x", "namespace": "shop", "labels": marked},
        },
        bodies, labels,
    )  # fmt: skip


@often
@given(kinds, manifests())
def test_what_is_equal_has_no_difference(kind: str, wanted: Object) -> None:
    assert difference(kind, wanted, copy.deepcopy(wanted)) == ()


@often
@given(kinds, manifests(), manifests(), manifests())
def test_the_difference_leads_to_what_is_there_of_what_is_wanted(
    kind: str, wanted: Object, found: Object, ours: Object
) -> None:
    found = owning(found, ours)
    before = copy.deepcopy((wanted, found))
    there = laid_over(kind, wanted, found, owned_by(found))
    assert same(dict(apply(wanted, difference(kind, wanted, found))), dict(there))
    assert (wanted, found) == before


@often
@given(kinds, manifests(), manifests(), manifests())
def test_what_is_there_of_it_is_as_what_is_there(kind: str, wanted: Object, found: Object, ours: Object) -> None:
    found = owning(found, ours)
    there = laid_over(kind, wanted, found, owned_by(found))
    assert difference(kind, there, found) == ()


@often
@given(manifests(), manifests())
def test_what_is_owned_and_what_is_not_make_the_whole(found: Object, ours: Object) -> None:
    owned = fields_of({key: ours[key] for key in ("spec",)})
    part, rest = restricted(found, owned), remainder(found, owned)
    assert remainder(part, owned) is None
    if rest is not None:
        assert restricted(rest, owned)["metadata"] == {"name": "x", "namespace": "shop"}
