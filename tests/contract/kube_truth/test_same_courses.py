"""What takes time goes the same way on the fake and on the real server."""

import json
from typing import Any

import pytest

from tests.contract.kube_truth.conftest import Both, Server
from tests.contract.kube_truth.stories import CONFIG, CORE, SERVICE, config, deployment, pod
from tests.contract.kube_truth.telling import comparable

Outcome = list[Any]
APPS = "/apis/apps/v1/namespaces/{ns}"


async def asked(server: Server, method: str, path: str, body: Any = None, **query: str) -> Any:
    """Code and document of one request."""
    where = path.replace("{ns}", server.namespace)
    text = json.dumps(body).replace("{ns}", server.namespace) if body is not None else None
    headers = {"content-type": "application/json"}
    reply = await server.client.request(method, where, content=text, params=query, headers=headers)
    return comparable(reply, server.namespace)


async def names(server: Server, path: str) -> list[str]:
    found = (await server.client.get(path.replace("{ns}", server.namespace))).json()
    return sorted(item["metadata"]["name"].split("-")[0] for item in found["items"])


def quota(**hard: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


async def counted(server: Server, **hard: str) -> None:
    """Make a quota and wait until it is counted."""
    await asked(server, "POST", f"{CORE}/resourcequotas", quota(**hard))
    await server.until(f"{CORE}/resourcequotas/q", lambda _, found: "used" in found.get("status", {}))


async def test_a_quota_counts_and_refuses_in_the_same_words(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        await counted(server, services="1", pods="1", **{"limits.memory": "1Gi"})
        return [
            await asked(server, "POST", f"{CORE}/services", SERVICE),
            await asked(server, "POST", f"{CORE}/services", {**SERVICE, "metadata": {"name": "t"}}),
            await asked(server, "POST", f"{CORE}/pods", pod()),
            (await asked(server, "GET", f"{CORE}/resourcequotas/q"))["code"],
        ]

    real, fake = await both.each(course)
    assert real[1]["code"] == 403
    assert (
        "exceeded quota: q, requested: services=1, used: services=1, limited: services=1" in real[1]["body"]["message"]
    )
    assert fake[1:] == real[1:]


async def test_a_limit_range_gives_and_bounds_the_same(both: Both) -> None:
    limits = {"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"}}
    ranged = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "l"}, "spec": {"limits": [limits]}}
    container = {"name": "c", "image": "shop/web:1", "resources": {"limits": {"cpu": "2"}}}

    async def course(server: Server) -> Outcome:
        await asked(server, "POST", f"{CORE}/limitranges", ranged)
        made = await asked(server, "POST", f"{CORE}/pods", pod(), dryRun="All")
        refused = await asked(server, "POST", f"{CORE}/pods", {**pod(), "spec": {"containers": [container]}})
        return [made["body"]["spec"]["containers"][0]["resources"], refused]

    real, fake = await both.each(course)
    assert real[0] == {"limits": {"cpu": "500m"}, "requests": {"cpu": "100m"}}
    assert fake == real


async def test_a_pod_gets_the_same_defaults(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        spec = (await asked(server, "POST", f"{CORE}/pods", pod(), dryRun="All"))["body"]["spec"]
        for container in spec["containers"]:
            container.pop("volumeMounts", None)
        return [{key: value for key, value in spec.items() if key not in ("volumes", "nodeName")}]

    real, fake = await both.each(course)
    assert fake == real


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
async def test_what_becomes_of_dependents_is_the_same(both: Both, policy: str) -> None:
    wanted = {**deployment(replicas=1), "spec": {**deployment(replicas=1)["spec"], "paused": False}}
    wanted["spec"]["template"]["spec"]["nodeSelector"] = {"truth": "nowhere"}

    async def course(server: Server) -> Outcome:
        await asked(server, "POST", f"{APPS}/deployments", wanted)
        await server.until(f"{CORE}/pods", lambda _, found: len(found["items"]) == 1)
        reply = await asked(server, "DELETE", f"{APPS}/deployments/web", {"propagationPolicy": policy})
        await server.until(f"{APPS}/deployments/web", lambda code, _: code == 404)
        if policy != "Orphan":
            await server.until(f"{CORE}/pods", lambda _, found: not found["items"])
            await server.until(f"{APPS}/replicasets", lambda _, found: not found["items"])
        sets = (await server.client.get(f"{APPS}/replicasets".replace("{ns}", server.namespace))).json()["items"]
        owners = [item["metadata"].get("ownerReferences") for item in sets]
        meta = reply["body"].get("metadata", {})
        return [reply["code"], reply["body"]["kind"], meta.get("finalizers"), len(sets), owners]

    real, fake = await both.each(course)
    assert fake == real


async def test_a_namespace_that_terminates_takes_nothing_more(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        await asked(server, "POST", CONFIG, config(finalizers=["example.com/held"]))
        going = await asked(server, "DELETE", "/api/v1/namespaces/{ns}")
        refused = await asked(server, "POST", CONFIG, config("d"))
        await server.client.patch(
            f"{CONFIG}/c".replace("{ns}", server.namespace), json={"metadata": {"finalizers": None}},
            headers={"content-type": "application/merge-patch+json"},
        )  # fmt: skip
        await server.until("/api/v1/namespaces/{ns}", lambda code, _: code == 404)
        return [going["code"], going["body"]["kind"], refused]

    real, fake = await both.each(course)
    assert real[2]["body"]["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    assert fake == real


async def test_a_watch_shows_the_same_events(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        where = CONFIG.replace("{ns}", server.namespace)
        begin = (await server.client.get(where)).json()["metadata"]["resourceVersion"]
        await asked(server, "POST", CONFIG, config(labels={"on": "yes"}))
        await asked(server, "PUT", f"{CONFIG}/c", config(data={"a": "2"}, labels={"on": "yes"}))
        await asked(server, "PUT", f"{CONFIG}/c", config(data={"a": "3"}))
        await asked(server, "PUT", f"{CONFIG}/c", config(data={"a": "4"}, labels={"on": "yes"}))
        await asked(server, "DELETE", f"{CONFIG}/c")
        query = {"watch": "1", "resourceVersion": begin, "timeoutSeconds": "2"}
        return [await seen(server, where, query), await seen(server, where, {**query, "labelSelector": "on=yes"})]

    real, fake = await both.each(course)
    assert [kind for kind, _ in real[0]] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [kind for kind, _ in real[1]] == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"]
    assert fake == real


async def seen(server: Server, path: str, query: dict[str, str]) -> list[tuple[str, Any]]:
    """The types of a watch's events with the data of their objects, until it ends."""
    reply = await server.client.get(path, params=query)
    events = [json.loads(line) for line in reply.text.splitlines()]
    return [(event["type"], event["object"].get("data")) for event in events]


async def test_pages_of_a_list_go_on_where_the_last_ended(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        for number in range(5):
            await asked(server, "POST", CONFIG, config(f"c{number}"))
        where, found, token = CONFIG.replace("{ns}", server.namespace), [], ""
        while True:
            query = {"limit": "2", **({"continue": token} if token else {})}
            page = (await server.client.get(where, params=query)).json()
            found.append([item["metadata"]["name"] for item in page["items"]])
            token = page["metadata"].get("continue", "")
            if not token:
                return [*found, (await asked(server, "GET", CONFIG, limit="2", **{"continue": "nonsense"}))["code"]]

    real, fake = await both.each(course)
    assert fake == real


async def test_rights_are_refused_in_the_same_words(both: Both) -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}],
    }  # fmt: skip
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "b"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": "{ns}"}],
    }  # fmt: skip
    rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}"
    wish = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}

    async def course(server: Server) -> Outcome:
        await asked(server, "POST", f"{rbac}/roles", role)
        await asked(server, "POST", f"{rbac}/rolebindings", binding)
        where = f"{CORE}/serviceaccounts/default/token".replace("{ns}", server.namespace)
        token = (await server.client.post(where, json=wish)).json()["status"]["token"]
        review = {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "{ns}", "verb": "list", "resource": "configmaps"}},
        }  # fmt: skip
        kept = dict(server.client.headers)
        server.client.headers["authorization"] = f"Bearer {token}"
        try:
            reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
            allowed = await asked(server, "POST", reviews, review)
            return [
                allowed["code"], (await asked(server, "GET", CONFIG))["code"],
                await asked(server, "GET", f"{CONFIG}/none"), await asked(server, "GET", f"{CORE}/secrets"),
                await asked(server, "DELETE", f"{CONFIG}/c"), await asked(server, "GET", "/api/v1/nodes"),
                await asked(server, "GET", f"{CORE}/pods/p/log"), await asked(server, "GET", f"{APPS}/deployments"),
                await asked(server, "POST", CONFIG, config()),
            ]  # fmt: skip
        finally:
            server.client.headers["authorization"] = kept.get("authorization", "")
            if "authorization" not in kept:
                del server.client.headers["authorization"]

    real, fake = await both.each(course)
    assert [item["code"] for item in real[3:]] == [403] * 6
    assert fake == real


async def test_a_webhook_that_is_down_refuses_the_same(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        hook = {
            "name": "deny.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 2,
            "clientConfig": {"url": "https://127.0.0.1:1/none"},
            "namespaceSelector": {"matchLabels": {"truth": server.namespace}},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
            ],
        }  # fmt: skip
        kind = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
        path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        merge = {"content-type": "application/merge-patch+json"}
        label = {"metadata": {"labels": {"truth": server.namespace}}}
        await server.client.patch(f"/api/v1/namespaces/{server.namespace}", json=label, headers=merge)
        await asked(server, "POST", path, {**kind, "metadata": {"name": server.namespace}, "webhooks": [hook]})
        try:
            where = CONFIG.replace("{ns}", server.namespace)
            number = 0
            while (reply := await server.client.post(where, json=config(f"c{number}"))).status_code == 201:
                number += 1
            found = reply.json()
            return [reply.status_code, found["reason"], found["message"].split(": dial")[0]]
        finally:
            await asked(server, "DELETE", f"{path}/{server.namespace}")

    real, fake = await both.each(course)
    assert real[:2] == [500, "InternalError"]
    assert fake == real


async def test_a_custom_kind_is_served_and_kept_to_its_schema(both: Both) -> None:
    async def course(server: Server) -> Outcome:
        group = f"{server.namespace}.example.com"
        spec = {
            "type": "object",
            "properties": {
                "size": {"type": "integer"},
                "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
            },
        }
        version = {
            "name": "v1", "served": True, "storage": True, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}}},
        }  # fmt: skip
        definition = {
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "versions": [version],
                     "names": {"plural": "widgets", "kind": "Widget"}},
        }  # fmt: skip
        path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        await asked(server, "POST", path, definition)
        things = f"/apis/{group}/v1/namespaces/{{ns}}/widgets"
        try:
            await server.until(f"{path}/widgets.{group}", lambda _, found: _established(found))
            made = {
                "apiVersion": f"{group}/v1",
                "kind": "Widget",
                "metadata": {"name": "w"},
                "spec": {"size": 1, "tags": ["a"], "odd": True},
                "status": {"x": 1},
            }
            return [
                await asked(server, "POST", things, made),
                await asked(server, "PUT", f"{things}/w/status", {**made, "spec": {"size": 9}}),
                (await asked(server, "GET", things))["body"]["items"][0]["kind"],
                (await asked(server, "DELETE", f"{things}/w"))["code"],
                (await asked(server, "GET", f"{things}/w"))["code"],
            ]
        finally:
            await asked(server, "DELETE", f"{path}/widgets.{group}")

    real, fake = await both.each(course)
    assert real[1]["code"] == 422
    assert fake == real


def _established(found: dict[str, Any]) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(item["type"] == "Established" and item["status"] == "True" for item in conditions)


async def test_a_rollout_that_cannot_pull_says_the_same(both: Both) -> None:
    wanted = {**deployment(replicas=1, progressDeadlineSeconds=5)}
    wanted["spec"]["paused"] = False
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = "shop.invalid/never-pulls:1"

    async def course(server: Server) -> Outcome:
        await asked(server, "POST", f"{APPS}/deployments", wanted)
        found = await server.until(f"{APPS}/deployments/web", lambda _, doc: _given_up(doc))
        pods = await server.until(f"{CORE}/pods", lambda _, doc: bool(_waiting(doc)))
        conditions = {item["type"]: (item["status"], item["reason"]) for item in found["status"]["conditions"]}
        counts = {key: value for key, value in found["status"].items() if key != "conditions"}
        return [
            conditions,
            counts,
            pods["items"][0]["status"]["phase"],
            _waiting(pods) <= {"ErrImagePull", "ImagePullBackOff"},
        ]

    real, fake = await both.each(course)
    assert real[0]["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert fake == real


def _given_up(doc: dict[str, Any]) -> bool:
    conditions = (doc.get("status") or {}).get("conditions") or []
    return any(item.get("reason") == "ProgressDeadlineExceeded" for item in conditions)


def _waiting(pods: dict[str, Any]) -> set[str]:
    states = [state for item in pods["items"] for state in (item.get("status") or {}).get("containerStatuses") or []]
    return {state["state"]["waiting"]["reason"] for state in states if "waiting" in state["state"]} - {
        "ContainerCreating"
    }
