"""What an API server said to a write, as Opstwin's errors: who must act next, in the server's own words."""

import re
from typing import Final

from opstwin.errors import OpstwinError, Rejected, Timeout, Unreachable
from opstwin.logs import redacted
from opstwin.targets.kubernetes.sending import Answer

MAX_WORDS: Final = 600
_WEBHOOK: Final = re.compile(r'failed calling (?:admission )?webhook "([^"]+)"|Internal error occurred: .*webhook')
_NO_FIELD: Final = re.compile(r"failed to create typed patch object|field not declared in schema|unknown field")
_NEXT: Final = (
    (re.compile(r"exceeded quota"), "Free some of the quota or raise it, then plan again."),
    (re.compile(r"PodSecurity"), "Meet the Pod Security level of the namespace, then plan again."),
    (re.compile(r"being terminated"), "Wait until the namespace is gone, or use another one, then plan again."),
    (re.compile(r"cannot \w+ resource"), "Grant it to the hub's account, then: opstwin targets test <target>"),
    (re.compile(r"field is immutable|Forbidden: updates to .* are forbidden"), "Plan again: it has to be replaced."),
    (re.compile(r"namespaces .* not found"), "Create the namespace first, then plan again."),
)  # fmt: skip


def refusal(answer: Answer, what: str) -> OpstwinError:
    """The error for an answer that is no success; `what` says in words what was asked.

    `Rejected` when the server will say no again; `Unreachable` when it did nothing and may do it later; `Timeout` when
    what came of it is unknown.
    """
    said = redacted(" ".join((answer.said or f"status {answer.status}").split()))[:MAX_WORDS].rstrip(".")
    details: dict[str, object] = {"status": answer.status, "reason": answer.reason, "server": said}
    if answer.status == 401:
        return Unreachable(
            f"The cluster does not accept the hub's credentials, asked {what}: {said}.",
            next_step="Renew the token or certificate of the kubeconfig, then: opstwin targets test <target>",
            details=details,
        )
    if answer.status == 429:
        return Unreachable(
            f"The cluster is too busy {what}: {said}.", next_step="It is tried again.", details=details,
            retry_after_s=answer.retry_after_s or 1.0,
        )  # fmt: skip
    if answer.status >= 500 and not _NO_FIELD.search(said):
        return _failed(answer, what, said, details)
    return Rejected(f"The cluster refused {what}: {said}.", next_step=_next_step(said), details=details)


def _failed(answer: Answer, what: str, said: str, details: dict[str, object]) -> OpstwinError:
    if _WEBHOOK.search(said):
        return Rejected(
            f"The cluster refused {what}, as an admission webhook does not answer: {said}.",
            next_step="Have the webhook's service running, then plan again.",
            details=details,
        )
    return Timeout(
        f"The cluster answered {answer.status}, asked {what}; what came of it is not known: {said}.",
        next_step="Look before you try again: opstwin discover",
        details=details,
        retry_after_s=answer.retry_after_s,
    )


def _next_step(said: str) -> str:
    return next((step for pattern, step in _NEXT if pattern.search(said)), "Correct it and plan again.")
