"""What an API server says to a write, as errors: who must act next."""

import pytest

from opstwin.errors import OpstwinError, Rejected, Timeout, Unreachable
from opstwin.targets.kubernetes.objections import Objection, objections_in
from opstwin.targets.kubernetes.refusals import MAX_WORDS, refusal
from opstwin.targets.kubernetes.sending import Answer


@pytest.mark.parametrize(
    ("status", "message", "kind", "says"),
    [
        (400, "json: cannot unmarshal", Rejected, "Correct it"),
        (401, "Unauthorized", Unreachable, "Renew the token"),
        (403, 'pods "x" is forbidden: exceeded quota: tight', Rejected, "quota"),
        (403, 'pods "x" is forbidden: violates PodSecurity "restricted:latest": privileged', Rejected, "Pod Security"),
        (403, 'deployments.apps is forbidden: User "u" cannot patch resource "deployments"', Rejected, "Grant it"),
        (403, "unable to create new content in namespace x because it is being terminated", Rejected, "namespace"),
        (404, 'namespaces "x" not found', Rejected, "Create the namespace"),
        (410, "Gone", Rejected, "Correct it"),
        (422, "spec.selector: Invalid value: field is immutable", Rejected, "replaced"),
        (429, "too many requests", Unreachable, "tried again"),
        (500, "failed to create typed patch object: .spec.x: field not declared in schema", Rejected, "Correct it"),
        (500, 'Internal error occurred: failed calling webhook "guard": refused', Rejected, "webhook"),
        (500, "etcdserver: request timed out", Timeout, "Look before"),
        (503, "apiserver is shutting down", Timeout, "Look before"),
        (504, "", Timeout, "Look before"),
    ],
)
def test_each_refusal_says_who_must_act_next(status: int, message: str, kind: type[OpstwinError], says: str) -> None:
    error = refusal(Answer(status, {"message": message, "reason": "R"}), "to create deployment shop/web")
    assert type(error) is kind
    assert message[:40] in error.message
    assert "deployment shop/web" in error.message
    assert says in error.next_step
    assert error.details["status"] == status


def test_a_busy_server_says_when_to_come_again() -> None:
    assert refusal(Answer(429, {}, (), 7.0), "x").retry_after_s == 7.0
    assert refusal(Answer(429, {}), "x").retry_after_s == 1.0


def test_the_words_of_a_server_are_cut_and_lose_their_secrets() -> None:
    error = refusal(Answer(400, {"message": "https://me:hunter2@registry/v2 " + "x" * 5000}), "x")
    assert "hunter2" not in str(error.details) + error.message
    assert len(error.message) < MAX_WORDS + 100


def test_only_a_conflict_of_owners_names_fields() -> None:
    cause = {
        "reason": "FieldManagerConflict",
        "message": 'conflict with "kubectl" using apps/v1',
        "field": ".spec.replicas",
    }
    answer = {"details": {"causes": [cause, 7, {"reason": "Other"}]}}
    assert objections_in(409, answer) == (Objection("kubectl", "spec.replicas"),)
    assert objections_in(409, answer)[0].text == "kubectl spec.replicas"
    assert objections_in(409, {"details": {"name": "x"}}) == ()
    assert objections_in(422, answer) == ()
    assert Objection("opstwin-restore", "x").is_our_own
    for odd in (None, 7, {"details": 7}, {"details": {"causes": "x"}}):
        assert objections_in(409, odd) == ()
