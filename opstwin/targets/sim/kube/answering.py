"""Requests about objects: from a routed request to its reply."""

import json
from collections.abc import Callable
from typing import Any, Final

from opstwin.targets.sim.kube.asking import Ask, Reply, Route, json_reply
from opstwin.targets.sim.kube.catalogue import Kind
from opstwin.targets.sim.kube.cluster import Cluster, How
from opstwin.targets.sim.kube.deleting import delete, deletion
from opstwin.targets.sim.kube.failures import (
    ApiFailure,
    Cause,
    bad_request,
    invalid,
    required,
    unprocessable,
)
from opstwin.targets.sim.kube.listing import page, test_of
from opstwin.targets.sim.kube.patches import json_patched, merge_patched, strategic_patched
from opstwin.targets.sim.kube.pod_validating import bad_quantity
from opstwin.targets.sim.kube.reading_bodies import Body, document, known_only, parsed, unknown_fields
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.tables import form_of, shown
from opstwin.targets.sim.kube.typing_faults import misfits, wrong_type
from opstwin.targets.sim.kube.writing import apply, create, read, rewrite, update

APPLY: Final = "application/apply-patch"
_NO_FORCE: Final = Cause("FieldValueForbidden", "force", "Forbidden: may not be specified for non-apply patch")


def how_of(cluster: Cluster, ask: Ask, found: Route) -> How:
    """How the request wants its write done. Raises 400 and 422."""
    dry = [value for name, value in ask.many if name == "dryRun"]
    if dry and dry != ["All"]:
        raise unprocessable(
            "meta.k8s.io", f"{_OPTIONS.get(ask.method, 'CreateOptions')}", "",
            [_bad_dry_run(dry)],
        )  # fmt: skip
    strictness = ask.query.get("fieldValidation") or "Warn"
    if strictness not in ("Strict", "Warn", "Ignore"):
        raise bad_request(f'fieldValidation: Unsupported value: "{strictness}"')
    return How(
        user=ask.user,
        manager=ask.query.get("fieldManager") or _manager(ask),
        dry_run=bool(dry),
        force=ask.flag("force"),
        strictness=strictness if cluster.minor >= 25 else "Ignore",
        subresource=found.subresource,
    )


_OPTIONS: Final = {"POST": "CreateOptions", "PUT": "UpdateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}


def _bad_dry_run(given: list[str]) -> Cause:
    told = ", ".join(f'"{item}"' for item in given)
    return Cause("FieldValueNotSupported", "dryRun", f'Unsupported value: []string{{{told}}}: supported values: "All"')


def _manager(ask: Ask) -> str:
    if ask.content_type.startswith(APPLY):
        return ""
    return ask.headers.get("user-agent", "unknown").split("/")[0][:128] or "unknown"


def key_of(found: Route) -> Key:
    """Where the object of a request is kept."""
    return Key(found.kind.home, found.namespace, found.name)


def answer(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    """Do what is asked of an object or a collection. Raises `ApiFailure`."""
    return _VERBS[found.verb](cluster, found, ask)


def _get(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    return json_reply(shown(cluster, found.kind, read(cluster, found.kind, key_of(found)), ask))


def _list(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    part = page(cluster, found, ask)
    meta: Doc = {"resourceVersion": str(part.revision)}
    if part.token:
        meta["continue"] = part.token
        if not (ask.query.get("labelSelector") or ask.query.get("fieldSelector")):
            meta["remainingItemCount"] = part.left
    whole = {"kind": f"{found.kind.name}List", "apiVersion": found.kind.api_version, "metadata": meta}
    items = part.items if found.kind.custom_shape or form_of(ask) else [_untyped(item) for item in part.items]
    return json_reply(shown(cluster, found.kind, {**whole, "items": items}, ask))


def _untyped(doc: Doc) -> Doc:
    """An item of a list of a built-in kind: without the kind, which the list says."""
    return {name: item for name, item in doc.items() if name not in ("kind", "apiVersion")}


def decoded(cluster: Cluster, kind: Kind, body: Body, how: How) -> Doc:
    """A body as an object of `kind`, without fields that the server does not know. Raises 400."""
    doc = document(body)
    if not doc.get("kind") or not doc.get("apiVersion"):
        doc = {"kind": kind.name, "apiVersion": kind.api_version, **doc}
    if doc["kind"] == kind.name and doc["apiVersion"] == kind.api_version:
        unknown = unknown_fields(doc, kind.shape, cluster.minor)
        _told(kind, body, unknown, how)
        wrong = wrong_type(doc, kind.shape) or bad_quantity(doc.get("spec"))
        if wrong:
            raise bad_request(f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: {wrong}')
    cleaned: Doc = known_only(doc, kind.shape, cluster.minor) if kind.shape.form == "struct" else doc
    return cleaned


def _told(kind: Kind, body: Body, unknown: list[str], how: How) -> None:
    """Refuse or warn about unknown and duplicate fields, as the request wants it."""
    texts = [f'unknown field "{path}"' for path in unknown] + [f'duplicate field "{path}"' for path in body.duplicates]
    if texts and how.strictness == "Strict":
        raise bad_request(
            f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}: strict decoding error: '
            + ", ".join(texts)
        )
    if how.strictness == "Warn":
        how.warnings.extend(texts)


def _create(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    how = how_of(cluster, ask, found)
    doc = decoded(cluster, found.kind, parsed(ask.body, ask.content_type), how)
    made = create(cluster, found.kind, found.namespace, doc, how)
    return json_reply(shown(cluster, found.kind, made, ask), 201, warnings=how.warnings)


def _update(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    how = how_of(cluster, ask, found)
    doc = decoded(cluster, found.kind, parsed(ask.body, ask.content_type), how)
    made = update(cluster, found.kind, key_of(found), doc, how)
    return json_reply(shown(cluster, found.kind, made, ask), warnings=how.warnings)


def _patch(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    how = how_of(cluster, ask, found)
    if ask.content_type.startswith(APPLY):
        return _apply(cluster, found, ask, how)
    if how.force:
        raise unprocessable("meta.k8s.io", "PatchOptions", "", [_NO_FORCE])
    kind, key = found.kind, key_of(found)
    live = read(cluster, kind, key)
    body = parsed(ask.body, ask.content_type)
    made = _patched(kind, live, body.value, ask.content_type)
    unknown = unknown_fields(made, kind.shape, cluster.minor)
    _patch_told(ask, body, unknown, how)
    wrong = wrong_type(made, kind.shape)
    if wrong:
        raise bad_request(wrong)
    doc = known_only(made, kind.shape, cluster.minor) if kind.shape.form == "struct" else made
    given = doc["metadata"].get("resourceVersion")
    if given != live["metadata"]["resourceVersion"] and given:
        done = update(cluster, kind, key, doc, how)
    else:
        done = rewrite(cluster, kind, key, live, doc, how)
    return json_reply(shown(cluster, kind, done, ask), warnings=how.warnings)


def _patch_told(ask: Ask, body: Body, unknown: list[str], how: How) -> None:
    texts = [f'unknown field "{path}"' for path in unknown] + [f'duplicate field "{path}"' for path in body.duplicates]
    if texts and how.strictness == "Strict":
        text = json.dumps(ask.body.decode("utf-8", "replace"))
        cause = invalid("patch", text, "strict decoding error: " + ", ".join(texts))
        raise unprocessable("", "", "", [cause])
    if how.strictness == "Warn":
        how.warnings.extend(texts)


def _patched(kind: Kind, live: Doc, patch: Any, content_type: str) -> Doc:
    if content_type.startswith("application/json-patch+json"):
        return json_patched(live, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    if content_type.startswith("application/merge-patch+json"):
        merged: Doc = merge_patched(live, patch)
        return merged
    if content_type.startswith("application/strategic-merge-patch+json") and kind.custom_shape is None:
        made: Doc = strategic_patched(live, patch, kind.shape)
        return made
    raise ApiFailure(
        415, "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
        "application/merge-patch+json, application/apply-patch+yaml",
    )  # fmt: skip


def _apply(cluster: Cluster, found: Route, ask: Ask, how: How) -> Reply:
    if not how.manager:
        cause = required("fieldManager", "is required for apply patch")
        raise unprocessable("meta.k8s.io", "PatchOptions", "", [cause])
    kind = found.kind
    body = parsed(ask.body, "application/yaml")
    doc = document(body)
    if body.duplicates and how.strictness == "Strict":
        told = ", ".join(f'duplicate field "{path}"' for path in body.duplicates)
        raise bad_request(f"strict decoding error: {told}")
    faults = [f".{path}: field not declared in schema" for path in unknown_fields(doc, kind.shape, cluster.minor)]
    faults += misfits(doc, kind.shape, modern=cluster.minor > 20)
    if faults:
        raise _untypable(cluster, found, faults)
    wrong = bad_quantity(doc.get("spec"))
    if wrong:
        raise bad_request(wrong)
    made, is_new = apply(cluster, kind, key_of(found), doc, how)
    return json_reply(shown(cluster, kind, made, ask), 201 if is_new else 200, warnings=how.warnings)


def _untypable(cluster: Cluster, found: Route, faults: list[str]) -> ApiFailure:
    """A typed patch cannot hold what the schema does not: 500, whatever the validation."""
    where = f" ({found.namespace}/{found.name}; {found.kind.api_version}, Kind={found.kind.name})"
    text = f"failed to create typed patch object{where if cluster.minor > 20 else ''}: {_several(faults)}"
    return ApiFailure(500, "", text)


def _several(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else "errors:\n" + "\n".join(f"  {text}" for text in texts)


def _delete(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    how = how_of(cluster, ask, found)
    body = parsed(ask.body, ask.content_type).value if ask.body else {}
    if isinstance(body, dict) and body.get("dryRun"):
        how.dry_run = True
    gone, done = delete(cluster, found.kind, key_of(found), deletion(body or {}, dict(ask.query)), how)
    if not done or found.kind.name == "Pod":
        return json_reply(shown(cluster, found.kind, gone, ask))
    details = {
        "name": found.name, "group": found.kind.group, "kind": found.kind.plural, "uid": gone["metadata"]["uid"],
    }  # fmt: skip
    details = {name: value for name, value in details.items() if value}
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return json_reply(status)


def _delete_collection(cluster: Cluster, found: Route, ask: Ask) -> Reply:
    how = how_of(cluster, ask, found)
    body = parsed(ask.body, ask.content_type).value if ask.body else {}
    test = test_of(found, ask)
    chosen = [(key, doc) for key, doc in cluster.store.all(found.kind.home, found.namespace) if test(doc)]
    for key, _ in chosen:
        delete(cluster, found.kind, key, deletion(body or {}, dict(ask.query)), how)
    meta = {"resourceVersion": str(cluster.store.revision)}
    whole = {"kind": f"{found.kind.name}List", "apiVersion": found.kind.api_version, "metadata": meta}
    return json_reply({**whole, "items": [doc for _, doc in chosen]})


_VERBS: Final[dict[str, Callable[[Cluster, Route, Ask], Reply]]] = {
    "get": _get, "list": _list, "create": _create, "update": _update, "patch": _patch, "delete": _delete,
    "deletecollection": _delete_collection,
}  # fmt: skip
