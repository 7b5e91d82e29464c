"""Whether a past deployment may be shown as an example: the policy's checks on what it was made of. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from opstwin.domain.deployment import Deployment
from opstwin.domain.plan import Plan
from opstwin.domain.values import Json
from opstwin.domain.workload import Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.policy import Policy, Standard
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import info_of_workload


@dataclass(frozen=True, slots=True)
class Vetting:
    """Checks with a policy: what it calls an error is a breach. The default keeps baseline Pod Security."""

    policy: Policy = field(default_factory=lambda: Policy(enforced=Standard.BASELINE))
    registries: frozenset[str] = frozenset()
    """Hosts that images may come from (`docker.io` where none is named); empty: any."""

    def breach(self, past: Deployment, plan: Plan | None) -> str:
        """The first breach in words, with its rule; empty when there is none."""
        documents = list(_documents(past, plan))
        images = {past.image_name, *(image for document in documents for image in _images(document))}
        foreign = sorted(image for image in images if self.registries and host_of(image) not in self.registries)
        if foreign:
            return f"registry/foreign: {foreign[0][:200]} comes from {host_of(foreign[0])[:100]}, which is not allowed"
        if not documents:
            return ""
        report = checked(documents, policy=self.policy)
        found = next((item for item in report.blocking if self._concerns(item.rule)), None)
        return f"{found.rule}: {found.subject}: {found.message}" if found is not None else ""

    def _concerns(self, rule: str) -> bool:
        """Not whether a set is whole: a plan changes a part of what is there, and is no worse an example for that."""
        own = {item.rule.id for item in self.policy.rules}
        return rule.startswith("security/") or rule in own or rule in self.policy.levels


def stricter(rules: Policy) -> Policy:
    """The operator's rules, with baseline Pod Security where they ask for less: what is shown is imitated."""
    return rules if rules.enforced is Standard.RESTRICTED else replace(rules, enforced=Standard.BASELINE)


def host_of(image: str) -> str:
    """The registry that an image comes from."""
    first, slash, _ = image.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else "docker.io"


def _images(value: Json | Mapping[str, Json]) -> Iterator[str]:
    if isinstance(value, Mapping):
        image = value.get("image")
        if isinstance(image, str) and image:
            yield image
        for item in value.values():
            yield from _images(item)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)


def _documents(past: Deployment, plan: Plan | None) -> Iterator[Mapping[str, Json]]:
    if past.workload is not None:
        yield from _made_of(past.workload)
    if plan is None:
        return
    for change in plan.changes:
        if change.workload == past.service_name and change.after and "apiVersion" in change.after:
            yield dict(change.after)


def _made_of(workload: Workload) -> Iterator[Mapping[str, Json]]:
    try:
        made = generated(Request(containers=(info_of_workload(workload),)))
    except InvalidInput:
        # What no manifest can be made from runs on an engine alone; there is nothing that a policy could say.
        return
    for manifest in made.manifests:
        yield manifest.document
