"""From the form of a workload to the Workload, every fault with its path and, from a file, its line."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from opstwin.domain.pod_settings import NO_POD_SETTINGS
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.intent.workload_forms import (
    AutoscaleForm,
    Form,
    HealthForm,
    MountForm,
    PodForm,
    PortForm,
    ResourcesForm,
    WorkloadForm,
)
from opstwin.manifests.nodes import Node, Path, fault, place_of, written

_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "literal_error": "must be Workload",
}
_HINTS: Final[Mapping[str, str]] = {
    "missing": "Add it.",
    "string_type": "Write text, in quotes if it looks like a number.",
    "int_type": "Write it without quotes and without a fraction.",
    "float_type": "Write it without quotes.",
    "bool_type": "Write true or false without quotes.",
    "list_type": "Write it as a list: [ … ].",
    "dict_type": "Write it as a mapping: { … }.",
    "model_type": "Write it as a mapping: { … }.",
    "literal_error": "Write kind: Workload, or leave it out.",
}
_PARTS: Final[Mapping[str, type[Form]]] = {
    "ports": PortForm,
    "volumes": MountForm,
    "resources": ResourcesForm,
    "health": HealthForm,
    "autoscale": AutoscaleForm,
    "pod": PodForm,
}


def read_form(value: Json, node: Node | None) -> Workload:
    """One workload. Raises `InvalidInput` with the path of what is wrong, and its line when `node` is given."""
    try:
        form = WorkloadForm.model_validate(value)
    except ValidationError as error:
        raise _fault(error.errors(include_url=False, include_input=False)[0], node) from error
    parts = {
        "ports": tuple(_each(form.ports, "ports", node)),
        "volumes": tuple(_each(form.volumes, "volumes", node)),
    }
    with _located(node, ("resources",)):
        resources = form.resources.read()
    with _located(node, ("health",)):
        health = form.health.read() if form.health is not None else None
    with _located(node, ("autoscale",)):
        autoscale = form.autoscale.read() if form.autoscale is not None else None
    with _located(node, ("pod",)):
        pod = form.pod.read() if form.pod is not None else NO_POD_SETTINGS
    with _located(node, ()):
        return Workload(
            name=form.name,
            image=form.image,
            command=None if form.command is None else tuple(form.command),
            entrypoint=None if form.entrypoint is None else tuple(form.entrypoint),
            user=form.user,
            working_dir=form.working_dir,
            env=form.env,
            secret_env=form.secret_env,
            networks=tuple(form.networks),
            resources=resources,
            replicas=form.replicas,
            health=health,
            labels=form.labels,
            restart=form.restart,
            running=form.running,
            needs=tuple(form.needs),
            autoscale=autoscale,
            project=form.project,
            pod=pod,
            **parts,
        )


def _each(forms: list[Any], name: str, node: Node | None) -> Iterator[Any]:
    for index, form in enumerate(forms):
        with _located(node, (name, index)):
            yield form.read()


@contextmanager
def _located(node: Node | None, path: Path) -> Iterator[None]:
    """Gives an `InvalidInput` of the domain its path and its line."""
    try:
        yield
    except InvalidInput as error:
        last = error.field.split(".")
        full = (*path, last[-1]) if path and len(last) > 1 else path or tuple(last)
        place = None if node is None else place_of(node, full)
        raise fault(error.message, place=place, field=written(full), next_step=error.next_step) from error


def _fault(error: ErrorDetails, node: Node | None) -> InvalidInput:
    path: Path = error["loc"]
    place = None if node is None else place_of(node, path)
    where = written(path) or "The workload"
    if error["type"] == "extra_forbidden":
        return fault(f"{where} is not a known key.", place=place, field=where, next_step=_nearest(path))
    if error["type"] == "refused":
        context: Mapping[str, Any] = error["ctx"]
        message = error["msg"] if error["msg"].startswith(str(path[0])) else f"{where}: {error['msg']}"
        return fault(message, place=place, field=where, next_step=context["next_step"])
    message = _MESSAGES.get(error["type"], "cannot be read")
    hint = _HINTS.get(error["type"], "Write plain text, numbers, lists and mappings only.")
    return fault(f"{where} {message}.", place=place, field=where, next_step=hint)


def _nearest(path: Path) -> str:
    form = _PARTS.get(str(path[0]), WorkloadForm) if len(path) > 1 else WorkloadForm
    known = list(form.model_fields)
    close = get_close_matches(str(path[-1])[:80], known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Use one of: {', '.join(known)}."
