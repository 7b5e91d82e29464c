"""Whether a custom kind that a cluster does not serve can have objects all the same.

Discovery alone does not say: it leaves out what a server of its own offers while that server is away.
"""

from typing import Any, Final

from opstwin.targets.kubernetes.health import at
from opstwin.targets.kubernetes.listing import Denied, everything
from opstwin.targets.kubernetes.sending import Sender

_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_SERVICES: Final = "/apis/apiregistration.k8s.io/v1/apiservices"


async def is_nowhere_defined(sender: Sender, kind: str) -> bool:
    """Whether it is certain that nothing of a custom kind (`widget.example.com`) is there: no definition brings the
    kind, and no other server its group. False when the account may not see that. Raises `TargetError`."""
    name, _, group = kind.partition(".")
    if not group:
        return False
    try:
        definitions = await everything(sender, _DEFINITIONS)
        services = await everything(sender, _SERVICES)
    except Denied:
        return False
    return not any(_brings(item, name, group) for item in definitions) and not any(
        at(item, "spec", "group") == group and at(item, "spec", "service") for item in services
    )


def _brings(definition: Any, name: str, group: str) -> bool:
    kind = at(definition, "spec", "names", "kind")
    return at(definition, "spec", "group") == group and isinstance(kind, str) and kind.lower() == name
