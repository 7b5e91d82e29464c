"""What the server refuses about pods, in its words."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from opstwin.targets.sim.kube.failures import Cause, invalid, required, unsupported
from opstwin.targets.sim.kube.quantities import amount
from opstwin.targets.sim.kube.schema import Doc

_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_TEXT: Final = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_QUANTITY_TEXT: Final = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_POLICIES: Final = ("Always", "IfNotPresent", "Never")


def pod_spec_causes(spec: Doc, at: str, claimed: Iterable[str] = ()) -> Iterator[Cause]:
    """All that is wrong with a pod's spec at the path `at`; `claimed` are volumes that its maker brings."""
    containers = spec.get("containers") or []
    if not containers:
        yield required(f"{at}.containers")
    volumes = {*claimed, *(item.get("name") for item in spec.get("volumes") or [])}
    seen: set[str] = set()
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            here = f"{at}.{part}[{index}]"
            yield from _container(container, here, volumes)
            name = container.get("name")
            if name in seen:
                yield Cause("FieldValueDuplicate", f"{here}.name", f'Duplicate value: "{name}"')
            seen.add(str(name))
    if spec.get("restartPolicy", "Always") not in ("Always", "OnFailure", "Never"):
        yield unsupported(f"{at}.restartPolicy", spec["restartPolicy"], ["Always", "OnFailure", "Never"])


def _container(container: Doc, at: str, volumes: set[Any]) -> Iterator[Cause]:
    yield from _identity(container, at)
    if container.get("imagePullPolicy", "Always") not in _POLICIES:
        yield unsupported(f"{at}.imagePullPolicy", container["imagePullPolicy"], _POLICIES)
    for index, port in enumerate(container.get("ports") or []):
        yield from _port(port, f"{at}.ports[{index}]")
    for index, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            yield Cause("FieldValueNotFound", f"{at}.volumeMounts[{index}].name", f'Not found: "{mount.get("name")}"')
    for index, item in enumerate(container.get("env") or []):
        if not item.get("name"):
            yield required(f"{at}.env[{index}].name")
    yield from _resources(container.get("resources") or {}, f"{at}.resources")


def _identity(container: Doc, at: str) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield required(f"{at}.name")
    elif not _LABEL.fullmatch(name) or len(name) > 63:
        yield invalid(f"{at}.name", f'"{name}"', _LABEL_TEXT)
    if not container.get("image"):
        yield required(f"{at}.image")


def _port(port: Doc, at: str) -> Iterator[Cause]:
    number = port.get("containerPort")
    if not number:
        yield required(f"{at}.containerPort")
    elif not 1 <= int(number) <= 65535:
        yield invalid(f"{at}.containerPort", str(number), "must be between 1 and 65535, inclusive")
    if port.get("protocol", "TCP") not in ("SCTP", "TCP", "UDP"):
        yield unsupported(f"{at}.protocol", port["protocol"], ["SCTP", "TCP", "UDP"])


def _resources(resources: Doc, at: str) -> Iterator[Cause]:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    yield from quantity_causes(limits, f"{at}.limits")
    yield from quantity_causes(requests, f"{at}.requests")
    for name in sorted(limits.keys() & requests.keys()):
        if amount(requests[name]) > amount(limits[name]):
            yield invalid(
                f"{at}.requests", f'"{requests[name]}"', f"must be less than or equal to {name} limit"
            )  # fmt: skip


def quantity_causes(values: Doc, at: str) -> Iterator[Cause]:
    """Amounts that are below zero. What is no amount at all never gets this far."""
    for name, value in values.items():
        if amount(value) < 0:
            yield invalid(f"{at}[{name}]", f'"{value}"', "must be greater than or equal to 0")


def bad_quantity(value: Any) -> str | None:
    """What decoding says about the first amount in a document's `resources` that is none."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key in ("limits", "requests", "hard") and isinstance(item, dict):
                for amount_text in item.values():
                    if not _is_amount(amount_text):
                        return _QUANTITY_TEXT
            found = bad_quantity(item)
            if found:
                return found
    elif isinstance(value, list):
        return next((text for item in value for text in [bad_quantity(item)] if text), None)
    return None


def _is_amount(value: Any) -> bool:
    try:
        amount(value)
    except ValueError:
        return False
    return True
