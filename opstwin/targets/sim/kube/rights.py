"""Who may do what: tokens, users, and a small RBAC over the Role objects in the store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from opstwin.targets.sim.kube.cluster import Cluster, User
from opstwin.targets.sim.kube.failures import ApiFailure, resource_text
from opstwin.targets.sim.kube.schema import Doc

_GROUP: Final = "rbac.authorization.k8s.io"
_OPEN_PATHS: Final = ("/healthz", "/livez", "/readyz", "/version", "/api", "/apis", "/openapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that somebody wants to do; `path` for what is no resource."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def what(self) -> str:
        """`pods` or `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def permits(cluster: Cluster, user: User, act: Act) -> bool:
    """Whether `user` may do `act`."""
    if "system:masters" in user.groups:
        return True
    if act.path:
        return act.verb == "get" and act.path.startswith(_OPEN_PATHS)
    if act.group in ("authorization.k8s.io", "authentication.k8s.io") and act.resource.startswith("selfsubject"):
        return act.verb == "create"
    return any(_allows(rule, act) for rule in rules_of(cluster, user, act.namespace))


def denied(user: User, act: Act) -> ApiFailure:
    """The 403 in the server's words."""
    who = f'User "{user.name}" cannot {act.verb}'
    if act.path:
        return ApiFailure(403, "Forbidden", f'forbidden: {who} path "{act.path}"')
    subject = resource_text(act.group, act.resource)
    if act.name:
        subject += f' "{act.name}"'
    where = f'in the namespace "{act.namespace}"' if act.namespace else "at the cluster scope"
    text = f'{subject} is forbidden: {who} resource "{act.what}" in API group "{act.group}" {where}'
    details = {"name": act.name, "group": act.group, "kind": act.resource}
    return ApiFailure(403, "Forbidden", text, details={key: value for key, value in details.items() if value})


def rules_of(cluster: Cluster, user: User, namespace: str) -> Iterator[Doc]:
    """Every rule that holds for `user` in a namespace ("" for the whole cluster)."""
    for _, binding in cluster.store.all(f"clusterrolebindings.{_GROUP}"):
        if _binds(binding, user, ""):
            yield from _rules(cluster, binding, "")
    for key, binding in cluster.store.all(f"rolebindings.{_GROUP}", namespace) if namespace else ():
        if _binds(binding, user, key.namespace):
            yield from _rules(cluster, binding, key.namespace)


def _rules(cluster: Cluster, binding: Doc, namespace: str) -> Iterable[Doc]:
    ref = binding["roleRef"]
    role = cluster.get(ref["kind"], namespace if ref["kind"] == "Role" else "", ref["name"])
    return (role or {}).get("rules") or []


def _binds(binding: Doc, user: User, namespace: str) -> bool:
    for subject in binding.get("subjects") or []:
        if subject["kind"] == "User" and subject["name"] == user.name:
            return True
        if subject["kind"] == "Group" and subject["name"] in user.groups:
            return True
        account = f"system:serviceaccount:{subject.get('namespace', namespace)}:{subject['name']}"
        if subject["kind"] == "ServiceAccount" and account == user.name:
            return True
    return False


def _allows(rule: Doc, act: Act) -> bool:
    names = rule.get("resourceNames")
    return (
        _has(rule.get("verbs"), act.verb)
        and _has(rule.get("apiGroups"), act.group)
        and (_has(rule.get("resources"), act.what) or f"*/{act.subresource}" in (rule.get("resources") or []))
        and (not names or act.name in names)
    )


def _has(values: Iterable[str] | None, value: str) -> bool:
    found = list(values or ())
    return "*" in found or value in found
