"""Which Pod Security standard a rule belongs to, and which one a namespace enforces."""

from typing import Final

from opstwin.manifests.checks.pods import at
from opstwin.manifests.checks.policy import Standard
from opstwin.manifests.checks.sheets import Sheet, text
from opstwin.manifests.checks.world import World

ENFORCE: Final = "pod-security.kubernetes.io/enforce"

_RESTRICTED: Final = frozenset({
    "security/volume-type", "security/escalation", "security/non-root", "security/root-user", "security/seccomp-unset",
    "security/drop-all", "security/added-capability",
})  # fmt: skip
_OURS: Final = "security/host-root"


def standard_of(rule: str) -> Standard | None:
    """The standard whose control the rule is, None for other rules."""
    if not rule.startswith("security/") or rule == _OURS:
        return None
    return Standard.RESTRICTED if rule in _RESTRICTED else Standard.BASELINE


def enforced_by(world: World, sheet: Sheet) -> Standard:
    """What the namespace of the manifest enforces, as far as the namespace is known."""
    for namespace in (sheet.namespace, sheet.default_namespace):
        found = world.find("Namespace", namespace, sheet.namespace) or world.find(
            "Namespace", "default", sheet.namespace
        )
        value = text(at(found, "metadata", "labels", ENFORCE)) if found is not None else ""
        if value in list(Standard):
            return Standard(value)
    return Standard.PRIVILEGED
