"""What is sent for a step."""

import copy

import pytest

from opstwin.domain.plan import Change, Op
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import Rejected
from opstwin.manifests.difference import MASK
from opstwin.targets.kubernetes.bodies import Part, filled, parts_of
from opstwin.targets.kubernetes.marks import marked, marks_of
from opstwin.targets.ports import Order
from tests.unit.manifests.shop import Object, container_of, deployment, owning, served


def change(op: Op, after: Object, before: Object | None = None) -> Change:
    return Change(
        resource=ResourceId("t/deployment/shop/web"), target=TargetId("t"), kind="deployment", name="shop/web", op=op,
        workload="shop", before=before, after=after,
    )  # fmt: skip


def no_secrets(reference: str) -> str:
    raise AssertionError(reference)


def test_what_is_wanted_is_sent_as_it_is() -> None:
    wanted = deployment()
    assert parts_of(change(Op.UPDATE, wanted), wanted) == (Part("opstwin", wanted),)


def test_of_what_was_observed_only_what_was_ours_is_sent_back_as_ours() -> None:
    ours = deployment()
    captured = owning(served(ours), ours)
    forward = deployment(replicas=5)
    [part] = parts_of(change(Op.UPDATE, captured, before=forward), captured)
    spec = part.body["spec"]
    assert part.is_ours
    assert isinstance(spec, dict)
    assert spec["replicas"] == 2
    assert "progressDeadlineSeconds" not in spec
    assert "managedFields" not in str(part.body)


def test_what_a_change_took_from_others_is_put_back_beside() -> None:
    ours = deployment()
    ours["spec"].pop("replicas")
    found = served(ours)
    found["spec"]["replicas"] = 7
    captured = owning(found, ours)
    theirs, mine = parts_of(change(Op.UPDATE, captured, before=deployment(replicas=1)), captured)
    assert (theirs.manager, mine.manager) == ("opstwin-restore", "opstwin")
    assert theirs.body["spec"] == {"replicas": 7}
    assert "replicas" not in str(mine.body["spec"])


def test_what_is_made_again_is_made_whole_and_then_each_owner_keeps_its_own() -> None:
    ours = deployment()
    captured = owning(served(ours), ours)
    whole, mine, rest = parts_of(change(Op.CREATE, captured), captured)
    assert [part.manager for part in (whole, mine, rest)] == ["opstwin-restore", "opstwin", "opstwin-restore"]
    assert "deployment.kubernetes.io/revision" not in str(whole.body)
    assert "progressDeadlineSeconds" in str(whole.body)
    assert "shop/web:1" in str(mine.body)
    assert "shop/web:1" not in str(rest.body)


def test_a_value_that_was_never_read_stays_what_it_is_on_the_target() -> None:
    wanted = deployment()
    container_of(wanted)["env"] = [{"name": "B", "value": "2"}, {"name": "PASSWORD", "value": MASK}]
    live = deployment()
    container_of(live)["env"] = [{"name": "PASSWORD", "value": "real"}, {"name": "B", "value": "1"}]
    sent = filled("deployment", wanted, live, no_secrets)
    assert container_of(sent)["env"] == [{"name": "B", "value": "2"}, {"name": "PASSWORD", "value": "real"}]
    container_of(live)["env"].pop(0)
    with pytest.raises(Rejected, match=r"spec\.template\.spec\.containers\.env\.value"):
        filled("deployment", wanted, live, no_secrets)


def test_secrets_are_resolved_into_data_and_named_when_they_cannot_be() -> None:
    secret: Object = {"kind": "Secret", "stringData": {"TOKEN": {"secretRef": "env:T"}}, "data": {"OLD": MASK}}
    kept = copy.deepcopy(secret)
    sent = filled("secret", secret, {"data": {"OLD": "b2xk"}}, lambda reference: f"value of {reference}")
    assert sent == {"kind": "Secret", "data": {"OLD": "b2xk", "TOKEN": "dmFsdWUgb2YgZW52OlQ="}}
    assert secret == kept
    with pytest.raises(Rejected, match=r"stringData\.TOKEN"):
        filled("secret", {"stringData": {"TOKEN": "plain"}}, None, no_secrets)


def test_the_marks_say_which_step_and_worker_it_was_and_contradict_nobody() -> None:
    order = Order(change=change(Op.UPDATE, deployment()), key="run.3", fence=2, deadline_s=1)
    sent = marked(deployment(), order, None)
    marks = marks_of(sent)
    assert (marks.key, marks.fence, marks.workload, marks.execution, marks.managed) == ("run.3", 2, "shop", "run", True)
    helm: Object = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "Helm"}}}
    assert "managed-by" not in str(marked(deployment(), order, helm))
    for fence in ("x", "-1", "9" * 40, ""):
        assert marks_of({"metadata": {"annotations": {"opstwin.io/fence": fence}}}).fence == 0
