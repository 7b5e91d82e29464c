"""Questions about rights and identities, answered without storing anything."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta

from opstwin.targets.sim.kube.asking import Ask, Reply, Route, json_reply
from opstwin.targets.sim.kube.cluster import Cluster, User
from opstwin.targets.sim.kube.reading_bodies import document, parsed
from opstwin.targets.sim.kube.rights import Act, permits, rules_of
from opstwin.targets.sim.kube.schema import Doc


def reviewed(cluster: Cluster, found: Route, ask: Ask) -> Reply | None:
    """The answer to a review, or None when the request is none."""
    if found.kind.group not in ("authorization.k8s.io", "authentication.k8s.io"):
        return None
    doc = document(parsed(ask.body, ask.content_type))
    spec = doc.get("spec") or {}
    answers: dict[str, Callable[[], Doc]] = {
        "SelfSubjectAccessReview": lambda: _access(cluster, ask.user, spec),
        "SubjectAccessReview": lambda: _access(cluster, _subject(spec), spec),
        "LocalSubjectAccessReview": lambda: _access(cluster, _subject(spec), spec),
        "SelfSubjectRulesReview": lambda: _rules(cluster, ask.user, spec),
        "SelfSubjectReview": lambda: _who(ask.user),
        "TokenReview": lambda: {"authenticated": False},
    }
    status = answers[found.kind.name]()
    meta = {**(doc.get("metadata") or {}), "creationTimestamp": None}
    kind = {"kind": found.kind.name, "apiVersion": found.kind.api_version}
    return json_reply({**kind, "metadata": meta, "spec": spec, "status": status}, 201)


def _subject(spec: Doc) -> User:
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()))


def _access(cluster: Cluster, user: User, spec: Doc) -> Doc:
    allowed = permits(cluster, user, _act(spec))
    return {"allowed": allowed, "reason": "RBAC: allowed"} if allowed else {"allowed": False}


def _act(spec: Doc) -> Act:
    plain = spec.get("nonResourceAttributes")
    if plain:
        return Act(verb=plain.get("verb", ""), path=plain.get("path", ""))
    what = spec.get("resourceAttributes") or {}
    return Act(
        verb=what.get("verb", ""), group=what.get("group", ""), resource=what.get("resource", ""),
        subresource=what.get("subresource", ""), namespace=what.get("namespace", ""), name=what.get("name", ""),
    )  # fmt: skip


def _rules(cluster: Cluster, user: User, spec: Doc) -> Doc:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    found = list(rules_of(cluster, user, spec.get("namespace") or ""))
    rules = [everything] if "system:masters" in user.groups else [rule for rule in found if rule.get("resources")]
    paths = [{"verbs": ["*"], "nonResourceURLs": ["*"]}] if "system:masters" in user.groups else []
    return {"resourceRules": rules, "nonResourceRules": paths, "incomplete": False}


def _who(user: User) -> Doc:
    return {"userInfo": {"username": user.name, "groups": list(user.groups)}}


def token_for(cluster: Cluster, found: Route, ask: Ask) -> tuple[str, User, Doc]:
    """`(token, user, reply)` of a TokenRequest for a service account. The token is no JWT that anybody signed."""
    doc = document(parsed(ask.body, ask.content_type)) if ask.body else {}
    spec = doc.get("spec") or {}
    seconds = int(spec.get("expirationSeconds") or 3600)
    name = f"system:serviceaccount:{found.namespace}:{found.name}"
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{found.namespace}", "system:authenticated")
    claims = {"sub": name, "jti": cluster.new_uid()}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    token = f"fake.{body}.unsigned"
    until = cluster.stamp(cluster.now() + timedelta(seconds=seconds))
    meta = {"name": found.name, "namespace": found.namespace, "creationTimestamp": cluster.stamp()}
    reply = {
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": meta,
        "spec": {"expirationSeconds": seconds, "audiences": spec.get("audiences") or []},
        "status": {"token": token, "expirationTimestamp": until},
    }  # fmt: skip
    return token, User(name, groups), reply
