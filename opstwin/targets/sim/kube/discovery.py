"""What is served, told group by group and (from 1.27) in one document."""

from typing import Final

from opstwin.targets.sim.kube.asking import Ask, Reply, json_reply, named_doc
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import no_such_path
from opstwin.targets.sim.kube.schema import Doc

_OTHER_KINDS: Final[dict[str, tuple[str, str, str, tuple[str, ...]]]] = {
    "scale": ("autoscaling", "v1", "Scale", ("get", "patch", "update")),
    "eviction": ("policy", "v1", "Eviction", ("create",)),
    "token": ("authentication.k8s.io", "v1", "TokenRequest", ("create",)),
    "binding": ("", "", "Binding", ("create",)),
    "exec": ("", "", "PodExecOptions", ("create", "get")),
    "attach": ("", "", "PodAttachOptions", ("create", "get")),
    "portforward": ("", "", "PodPortForwardOptions", ("create", "get")),
    "log": ("", "", "", ("get",)),
    "finalize": ("", "", "", ("update",)),
}
_STATUS_VERBS: Final = ("get", "patch", "update")


def discovered(cluster: Cluster, ask: Ask) -> Reply | None:
    """The answer to a discovery request, or None when it is none. Raises 404 for a group that is not served."""
    parts = [part for part in ask.path.split("/") if part]
    if parts == ["version"]:
        return json_reply(_version(cluster))
    if parts in (["api"], ["apis"]):
        return _aggregated(cluster, ask, parts[0]) or json_reply(_groups(cluster, parts[0]))
    if (len(parts) == 2 and parts[0] == "api") or (len(parts) == 3 and parts[0] == "apis"):
        return json_reply(_resources(cluster, parts[1] if parts[0] == "apis" else "", parts[-1]))
    if len(parts) == 2 and parts[0] == "apis":
        found = next((group for group in _group_list(cluster) if group["name"] == parts[1]), None)
        if found is None:
            raise no_such_path()
        return json_reply(named_doc("v1", "APIGroup", **found))
    return None


def _version(cluster: Cluster) -> Doc:
    return {
        "major": "1",
        "minor": str(cluster.minor),
        "gitVersion": cluster.git_version,
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "gc",
        "platform": "linux/amd64",
    }


def _groups(cluster: Cluster, root: str) -> Doc:
    if root == "api":
        where = [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}]
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": where}
    return named_doc("v1", "APIGroupList", groups=_group_list(cluster))


def _versions(cluster: Cluster) -> dict[str, list[str]]:
    """The versions of each group, the preferred one first."""
    found: dict[str, list[str]] = {}
    for kind in cluster.kinds():
        versions = found.setdefault(kind.group, [])
        if kind.version not in versions:
            versions.append(kind.version)
    return {
        group: sorted(versions, key=lambda name: ("beta" in name, "alpha" in name)) for group, versions in found.items()
    }


def _group_list(cluster: Cluster) -> list[Doc]:
    return [
        {
            "name": group,
            "versions": [{"groupVersion": f"{group}/{name}", "version": name} for name in versions],
            "preferredVersion": {"groupVersion": f"{group}/{versions[0]}", "version": versions[0]},
        }
        for group, versions in _versions(cluster).items()
        if group
    ]


def _resources(cluster: Cluster, group: str, version: str) -> Doc:
    kinds = [kind for kind in cluster.kinds() if (kind.group, kind.version) == (group, version)]
    if not kinds:
        raise no_such_path()
    rows = [row for kind in sorted(kinds, key=lambda kind: kind.plural) for row in _rows(cluster, kind)]
    return {
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": f"{group}/{version}" if group else version,
        "resources": rows,
    }  # fmt: skip


def _rows(cluster: Cluster, kind: Kind) -> list[Doc]:
    row: Doc = {
        "name": kind.plural, "singularName": kind.single if cluster.minor >= 27 else "", "namespaced": kind.namespaced,
        "kind": kind.name, "verbs": list(kind.verbs),
    }  # fmt: skip
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    return [row, *(_subrow(kind, name) for name in kind.subresources)]


def _subrow(kind: Kind, name: str) -> Doc:
    group, version, other, verbs = _OTHER_KINDS.get(name, ("", "", "", _STATUS_VERBS))
    row: Doc = {
        "name": f"{kind.plural}/{name}", "singularName": "", "namespaced": kind.namespaced, "kind": other or kind.name,
        "verbs": list(verbs),
    }  # fmt: skip
    return {**row, "group": group, "version": version} if version else row


def _aggregated(cluster: Cluster, ask: Ask, root: str) -> Reply | None:
    versions = ["v2"] * (cluster.minor >= 30) + ["v2beta1"] * (27 <= cluster.minor < 35)
    for part in ask.headers.get("accept", "").split(","):
        if "as=APIGroupDiscoveryList" in part:
            wanted = next((item[2:] for item in part.strip().split(";") if item.startswith("v=")), "")
            if wanted in versions:
                return _aggregate(cluster, root, wanted)
    return None


def _aggregate(cluster: Cluster, root: str, version: str) -> Reply:
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [_aggregate_version(cluster, group, name) for name in versions],
        }
        for group, versions in _versions(cluster).items()
        if bool(group) is (root == "apis")
    ]
    doc = named_doc(f"apidiscovery.k8s.io/{version}", "APIGroupDiscoveryList", metadata={}, items=items)
    reply = json_reply(doc)
    reply.content_type = f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
    return reply


def _aggregate_version(cluster: Cluster, group: str, version: str) -> Doc:
    kinds = [kind for kind in cluster.kinds() if (kind.group, kind.version) == (group, version)]
    resources = [_aggregate_kind(kind) for kind in sorted(kinds, key=lambda kind: kind.plural)]
    return {"version": version, "freshness": "Current", "resources": resources}


def _aggregate_kind(kind: Kind) -> Doc:
    found: Doc = {
        "resource": kind.plural, "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.name},
        "scope": "Namespaced" if kind.namespaced else "Cluster", "singularResource": kind.single,
        "verbs": list(kind.verbs),
    }  # fmt: skip
    if kind.short_names:
        found["shortNames"] = list(kind.short_names)
    if kind.categories:
        found["categories"] = list(kind.categories)
    if kind.subresources:
        found["subresources"] = [_aggregate_sub(kind, name) for name in kind.subresources]
    return found


def _aggregate_sub(kind: Kind, name: str) -> Doc:
    group, version, other, verbs = _OTHER_KINDS.get(name, ("", "", "", _STATUS_VERBS))
    kind_of = {"group": group or kind.group, "version": version or kind.version, "kind": other or kind.name}
    return {"subresource": name, "responseKind": kind_of, "verbs": list(verbs)}
