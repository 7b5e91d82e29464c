"""The `healthcheck` of a Compose service."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.workload import HealthCheck
from opstwin.intent import compose_advice as advice
from opstwin.intent.quantities import seconds
from opstwin.intent.spots import Spot

_HEALTH_KEYS: Final = ("test", "interval", "timeout", "retries", "start_period", "disable")
_SHELL: Final = ("/bin/sh", "-c")
"""What a container engine runs the text of a health check with."""

_ENGINE_HEALTH: Final[Mapping[str, float]] = {"interval": 30.0, "timeout": 30.0, "start_period": 0.0}
"""Container engines' defaults in seconds, which Compose leaves as they are."""

_NO_DISABLING: Final = "An image's own health check cannot be switched off: remove healthcheck:, or give a test."


def read_health(spot: Spot | None) -> HealthCheck | None:
    """The check; text runs in the container's shell, as in Compose."""
    if spot is None or spot.is_null:
        return None
    keys = spot.only(_HEALTH_KEYS, advice.HEALTH)
    if "disable" in keys and keys["disable"].flag():
        raise keys["disable"].fault("cannot be carried out", _NO_DISABLING)
    if "test" not in keys:
        raise spot.fault("has no test", 'Add test:, such as ["CMD", "/bin/check"].')
    command = _test(keys["test"])
    times = {name: _seconds(keys[name]) if name in keys else default for name, default in _ENGINE_HEALTH.items()}
    retries = keys["retries"].whole() if "retries" in keys else 3
    return spot.checked(
        lambda: HealthCheck(
            command=command,
            interval_s=times["interval"],
            timeout_s=times["timeout"],
            retries=retries,
            start_period_s=times["start_period"],
        )
    )


def _test(spot: Spot) -> tuple[str, ...]:
    if not spot.is_list:
        return (*_SHELL, spot.text())
    words = [item.text() for item in spot.items()]
    if words == ["NONE"]:
        raise spot.fault("cannot be NONE", _NO_DISABLING)
    if words[:1] == ["CMD-SHELL"] and len(words) == 2:
        return (*_SHELL, words[1])
    if words[:1] == ["CMD"] and len(words) > 1:
        return tuple(words[1:])
    raise spot.fault("is not understood", "Begin the list with CMD and the words, or CMD-SHELL and one text.")


def _seconds(spot: Spot) -> float:
    return spot.checked(lambda: seconds(spot.text(), spot.name))
