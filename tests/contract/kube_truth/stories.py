"""What both servers are told."""

import copy
from typing import Any, Final

from tests.contract.kube_truth.telling import (
    MERGE,
    STEPS,
    STRATEGIC,
    Say,
    apply,
    delete,
    get,
    patch,
    post,
    put,
)

CORE: Final = "/api/v1/namespaces/{ns}"
APPS: Final = "/apis/apps/v1/namespaces/{ns}"
WEB: Final = f"{APPS}/deployments/web"
CONFIG: Final = f"{CORE}/configmaps"
PAUSED: Final = {"paused": True}


def config(name: str = "c", data: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **meta}, "data": data or {"a": "1"}}


def deployment(**spec: Any) -> dict[str, Any]:
    """A Deployment that is paused, so that no controller touches its spec."""
    container = {"name": "web", "image": "shop/web:1", "ports": [{"containerPort": 80}]}
    return {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {
            "replicas": 0, "paused": True, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}, **spec,
        },
    }  # fmt: skip


def with_container(**fields: Any) -> dict[str, Any]:
    made = deployment()
    made["spec"]["template"]["spec"]["containers"][0].update(fields)
    return made


def changed(doc: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    made = copy.deepcopy(doc)
    spot = made
    for part in path[:-1]:
        spot = spot[part]
    if to is None:
        del spot[path[-1]]
    else:
        spot[path[-1]] = to
    return made


def pod(name: str = "p", **spec: Any) -> dict[str, Any]:
    container = {"name": "c", "image": "shop/web:1"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


SERVICE: Final = {
    "apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"},
    "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
}  # fmt: skip
_IMAGE: Final = ("spec", "template", "spec", "containers", 0, "image")
_EXTRAS: Final = {
    "env": [{"name": "A", "value": "1"}, {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
    "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "100m"}},
    "readinessProbe": {"httpGet": {"port": 80}}, "livenessProbe": {"tcpSocket": {"port": 80}},
}  # fmt: skip

STORIES: Final[dict[str, list[Say]]] = {
    "create, read, create again": [post(CONFIG, config()), get(f"{CONFIG}/c"), post(CONFIG, config())],
    "what is not there": [
        get(f"{CONFIG}/none"), put(f"{CONFIG}/none", config("none")), patch(f"{CONFIG}/none", {"data": {}}),
        delete(f"{CONFIG}/none"), get("/apis/nothing.example.com/v1/things"), get(f"{WEB}"),
    ],
    "names that are none": [
        post(CONFIG, config("Big")), post(f"{CORE}/services", changed(SERVICE, "metadata", "name", to="1s")),
        post(CONFIG, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}}),
        post(CONFIG, {**config(), "metadata": {"name": "c", "labels": {"a": "not a value"}}}),
    ],
    "body that does not fit the path": [
        post(CONFIG, config(namespace="other")), put(f"{CONFIG}/c", config("d")), post(CONFIG, SERVICE),
    ],
    "Deployment: defaults": [post(f"{APPS}/deployments", deployment()), get(WEB)],
    "Deployment: defaults of what it may hold": [
        post(f"{APPS}/deployments", with_container(**_EXTRAS)),
    ],
    "Service: defaults": [post(f"{CORE}/services", SERVICE), delete(f"{CORE}/services/s")],
    "Secret: text into base64": [
        post(f"{CORE}/secrets", {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "k"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="},  # noqa: E501
        }),
        get(f"{CORE}/secrets/k"),
    ],
    "Deployment: what is invalid": [
        post(f"{APPS}/deployments", changed(deployment(), "spec", "selector", to=None)),
        post(f"{APPS}/deployments", changed(deployment(), "spec", "template", "metadata", "labels", to={"app": "b"})),
        post(f"{APPS}/deployments", changed(deployment(), *_IMAGE, to=None)),
        post(f"{APPS}/deployments", deployment(replicas=-1)),
        post(f"{APPS}/deployments", with_container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}})),
        post(f"{APPS}/deployments", with_container(volumeMounts=[{"name": "v", "mountPath": "/v"}])),
        post(f"{APPS}/deployments", with_container(imagePullPolicy="Sometimes")),
        post(f"{APPS}/deployments", with_container(ports=[{"containerPort": 99999}])),
        post(f"{APPS}/deployments", changed(deployment(), "spec", "template", "spec", "containers", to=[])),
        post(f"{APPS}/deployments", deployment(strategy={"type": "Sometimes"})),
    ],
    "Service: what is invalid": [
        post(f"{CORE}/services", changed(SERVICE, "spec", "ports", to=[])),
        post(f"{CORE}/services", changed(SERVICE, "spec", "ports", to=[{"port": 0}])),
        post(f"{CORE}/services", changed(SERVICE, "spec", "ports", to=[{"port": 80}, {"port": 81}])),
        post(f"{CORE}/services", changed(SERVICE, "spec", "type", to="Odd")),
    ],
    "update: versions and generation": [
        post(f"{APPS}/deployments", deployment()), put(WEB, deployment(replicas=0, minReadySeconds=3)),
        put(WEB, changed(deployment(minReadySeconds=3), "metadata", "labels", to={"app": "other"})),
        put(WEB, {**deployment(), "metadata": {"name": "web", "resourceVersion": "1"}}),
        put(WEB, {**deployment(), "metadata": {"name": "web", "uid": "no"}}),
        put(WEB, deployment(selector={"matchLabels": {"app": "web", "b": "c"}})),
    ],
    "selector cannot change": [
        post(f"{APPS}/deployments", deployment()),
        patch(WEB, {"spec": {"selector": {"matchLabels": {"b": "c"}},
                             "template": {"metadata": {"labels": {"b": "c"}}}}}),
    ],
    "merge patch": [
        post(CONFIG, config(data={"a": "1", "b": "2"})), patch(f"{CONFIG}/c", {"data": {"a": None, "c": "3"}}, MERGE),
        patch(f"{CONFIG}/c", {"data": {"c": "3"}}, MERGE),
    ],
    "JSON patch": [
        post(CONFIG, config(data={"a": "1", "b": "2"})),
        patch(f"{CONFIG}/c", [{"op": "replace", "path": "/data/a", "value": "9"}, {"op": "remove", "path": "/data/b"}], STEPS),  # noqa: E501
        patch(f"{CONFIG}/c", [{"op": "test", "path": "/data/a", "value": "1"}], STEPS),
        patch(f"{CONFIG}/c", [{"op": "remove", "path": "/data/none"}], STEPS),
    ],
    "strategic merge patch": [
        post(f"{APPS}/deployments", with_container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])),
        patch(WEB, {"spec": {"template": {"spec": {"containers": [
            {"name": "web", "image": "shop/web:2", "env": [{"name": "A", "value": "9"}, {"name": "C", "value": "3"}]}]}}}}, STRATEGIC),  # noqa: E501
        patch(WEB, {"spec": {"template": {"spec": {"containers": [
            {"name": "web", "env": [{"$patch": "delete", "name": "B"}]}]}}}}, STRATEGIC),
        patch(WEB, {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "shop/side:1"}]}}}}, STRATEGIC),  # noqa: E501
        patch(WEB, {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, STRATEGIC),
    ],
    "apply: create, same again, change": [
        apply(WEB, deployment()), apply(WEB, deployment()), apply(WEB, changed(deployment(), *_IMAGE, to="shop/web:2")),
    ],
    "apply: what is no longer said goes": [
        apply(WEB, with_container(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])),
        apply(WEB, with_container(env=[{"name": "A", "value": "1"}])),
        apply(WEB, with_container()),
    ],
    "apply: labels that are no longer said go": [
        apply(f"{CONFIG}/c", config(labels={"a": "1", "b": "2"}, data={"x": "1", "y": "2"})),
        apply(f"{CONFIG}/c", config(labels={"a": "1"}, data={"x": "1"})),
        apply(f"{CONFIG}/c", config(data={"x": "1"})),
    ],
    "apply: conflict with another applier": [
        apply(WEB, deployment()),
        apply(WEB, changed(deployment(), *_IMAGE, to="shop/web:2"), "two"),
        apply(WEB, changed(deployment(minReadySeconds=1, replicas=1), *_IMAGE, to="shop/web:2"), "two"),
        apply(WEB, changed(deployment(), *_IMAGE, to="shop/web:2"), "two", force="true"),
        apply(WEB, deployment()),
    ],
    "apply: two own the same value": [
        apply(f"{CONFIG}/c", config()), apply(f"{CONFIG}/c", config(), "two"),
        apply(f"{CONFIG}/c", config(data={"b": "2"})), get(f"{CONFIG}/c"),
        apply(f"{CONFIG}/c", config(data={"b": "3"}), "two"),
    ],
    "apply: an update takes the field": [
        apply(f"{CONFIG}/c", config()), patch(f"{CONFIG}/c", {"data": {"a": "9"}}, fieldManager="hand"),
        apply(f"{CONFIG}/c", config(data={"b": "1"})), get(f"{CONFIG}/c"),
    ],
    "apply: conflict with an update": [
        apply(f"{CONFIG}/c", config()),
        patch(f"{CONFIG}/c", {"data": {"a": "9", "b": "8"}}, fieldManager="hand"),
        apply(f"{CONFIG}/c", config(data={"a": "1"})),
        apply(f"{CONFIG}/c", config(data={"a": "1", "b": "1"})),
        apply(f"{CONFIG}/c", config(data={"a": "1"}), force="true"),
    ],
    "apply: on what somebody created": [
        post(CONFIG, config(), fieldManager="hand"), apply(f"{CONFIG}/c", config(data={"a": "1", "b": "2"})),
        apply(f"{CONFIG}/c", config(data={"b": "2"})),
    ],
    "apply: what cannot be applied": [
        Say(method="PATCH", path=WEB, body=deployment(), kind="application/apply-patch+yaml"),
        apply(WEB, changed(deployment(), "spec", "paused", to="yes")),
        apply(WEB, deployment(nonsense=1)),
        apply(WEB, {**deployment(), "metadata": {"name": "other"}}),
        patch(WEB, {}, MERGE, force="true"),
    ],
    "dry run stores nothing": [
        post(CONFIG, config(), dryRun="All"), get(f"{CONFIG}/c"), apply(WEB, deployment(), dryRun="All"), get(WEB),
        post(CONFIG, config()), patch(f"{CONFIG}/c", {"data": {"a": "2"}}, dryRun="All"),
        delete(f"{CONFIG}/c", dryRun="All"), get(f"{CONFIG}/c"), post(CONFIG, config("d"), dryRun="Some"),
    ],
    "scale": [
        post(f"{APPS}/deployments", deployment()), get(f"{WEB}/scale"),
        patch(f"{WEB}/scale", {"spec": {"replicas": 0}}), get(WEB), patch(f"{WEB}/scale", {"spec": {"replicas": -2}}),
    ],
    "status is written apart": [
        post(f"{APPS}/deployments", deployment()),
        patch(f"{WEB}/status", {"spec": {"replicas": 5}}),
    ],
    "finalizers hold an object": [
        post(CONFIG, config(finalizers=["example.com/held"])), delete(f"{CONFIG}/c"), get(f"{CONFIG}/c"),
        patch(f"{CONFIG}/c", {"metadata": {"finalizers": None}}), get(f"{CONFIG}/c"),
    ],
    "delete: replies and preconditions": [
        post(CONFIG, config()), delete(f"{CONFIG}/c", {"preconditions": {"uid": "no"}}), delete(f"{CONFIG}/c"),
        delete(f"{CONFIG}/c"),
    ],
    "lists: pages and selectors": [
        *(post(CONFIG, config(f"c{n}", labels={"n": str(n % 2)})) for n in range(4)),
        get(CONFIG, labelSelector="n=1"), get(CONFIG, labelSelector="n in (0)", limit="1"), get(CONFIG, labelSelector="n,n!=0"),  # noqa: E501
        get(CONFIG, fieldSelector="metadata.name=c2"), get(CONFIG, fieldSelector="data.a=1"),
    ],
    "immutable data": [
        post(CONFIG, {**config(), "immutable": True}), patch(f"{CONFIG}/c", {"data": {"a": "2"}}),
        patch(f"{CONFIG}/c", {"immutable": False}),
    ],
    "quota": [
        post(f"{CORE}/resourcequotas", {
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"services": "1"}},
        }),
    ],
    "rights": [
        post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"namespace": "{ns}", "verb": "get", "resource": "pods"}},
        }),
    ],
}  # fmt: skip
