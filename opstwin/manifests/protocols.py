"""The protocol of a port, written out. Pure."""

from opstwin.domain.values import Json, Spec


def with_protocols(kind: str, spec: Spec) -> dict[str, Json]:
    """`spec` with TCP written out where a port of a built-in kind leaves it open.

    It is what every version means by it, and part of the key by which ports are told apart: API servers before 1.21
    refuse to apply a Service without it (kubernetes/kubernetes#92332).
    """
    if "." in kind:
        return dict(spec)
    return {key: _filled(value) for key, value in spec.items()}


def _filled(value: Json) -> Json:
    if isinstance(value, list):
        return [_filled(item) for item in value]
    if not isinstance(value, dict):
        return value
    full: dict[str, Json] = {key: _filled(item) for key, item in value.items()}
    ports = full.get("ports")
    if isinstance(ports, list):
        full["ports"] = [_with_tcp(item) for item in ports]
    return full


def _with_tcp(item: Json) -> Json:
    if isinstance(item, dict) and "protocol" not in item and ("port" in item or "containerPort" in item):
        return {**item, "protocol": "TCP"}
    return item
