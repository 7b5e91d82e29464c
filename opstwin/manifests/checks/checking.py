"""All checks on one set of manifests."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from opstwin.domain.values import Json
from opstwin.manifests.checks.amount_rules import check_amounts
from opstwin.manifests.checks.custom import definitions_of
from opstwin.manifests.checks.expressions import Subject
from opstwin.manifests.checks.findings import Finding, Level, Report, report_of
from opstwin.manifests.checks.kinds import builtin_type, custom_type
from opstwin.manifests.checks.naming_rules import check_names
from opstwin.manifests.checks.pod_rules import check_pods
from opstwin.manifests.checks.pod_security import check_baseline
from opstwin.manifests.checks.pod_security_restricted import check_restricted
from opstwin.manifests.checks.pods import pod_of
from opstwin.manifests.checks.policy import Policy, Standard
from opstwin.manifests.checks.references import check_references
from opstwin.manifests.checks.scaling import check_autoscaler
from opstwin.manifests.checks.schemas import Release, release_of
from opstwin.manifests.checks.secret_forms import without_references
from opstwin.manifests.checks.sheets import Sheet, below, nowhere
from opstwin.manifests.checks.standards import enforced_by, standard_of
from opstwin.manifests.checks.typed_lists import members
from opstwin.manifests.checks.walking import walk
from opstwin.manifests.checks.world import References, World, world_of
from opstwin.manifests.yaml_text import Document

_USUAL: Final = Policy()


def checked(
    documents: Sequence[Document | Mapping[str, Json]],
    *,
    version: str | None = None,
    policy: Policy | None = None,
    known: References | None = None,
) -> Report:
    """Everything that the checks find in a set of manifests for Kubernetes `version` (`1.29`; None for the newest).

    `known` is what is on the cluster; without it, references that leave the set cannot be told and are `info`. Errors
    block a plan (`Report.blocking`), warnings are risk reasons (`Report.risks`). Raises `InvalidInput` for a version
    that is none; manifests never make it raise.
    """
    sheets = (sheet for item in documents for sheet in sheets_of(item))
    return checked_sheets(sheets, version=version, policy=policy, known=known)


def sheets_of(document: Document | Mapping[str, Json]) -> Iterator[Sheet]:
    """The manifests of a document, ready to be checked; several where it is a list of one kind."""
    value = document.value if isinstance(document, Document) else dict(document)
    place = document.place if isinstance(document, Document) else nowhere
    for path, member in members(value):
        yield Sheet(member, locate=below(place, path))


def checked_sheets(
    sheets: Iterable[Sheet],
    *,
    version: str | None = None,
    policy: Policy | None = None,
    known: References | None = None,
    before: Iterable[Finding] = (),
) -> Report:
    """As `checked`, for manifests whose places are found in another way; `before` was found while reading."""
    release, policy = release_of(version), policy or _USUAL
    kept: list[Sheet] = []
    tired: set[str] = set()
    for sheet in sheets:
        _check_alone(sheet, release, policy, tired)
        kept.append(sheet)
    if release.asked and kept:
        kept[0].add("schema/other-version", (), version=release.asked, used=release)
    return report_of(
        [*before, *_together(kept, release, policy, known)], manifests=len(kept), version=str(release)
    )  # fmt: skip


def _check_alone(sheet: Sheet, release: Release, policy: Policy, tired: set[str]) -> None:
    """What can be told from the manifest alone, while its text is still at hand."""
    pod = pod_of(sheet)
    if (type_ := builtin_type(sheet, release)) is not None:
        walk(sheet, type_, without_references(sheet.value))
    check_names(sheet, pod)
    check_amounts(sheet, pod)
    check_pods(sheet, pod)
    if pod is not None:
        check_baseline(sheet, pod, release.minor)
        check_restricted(sheet, pod, release.minor)
    _own_rules(sheet, policy, tired)


def _together(sheets: Sequence[Sheet], release: Release, policy: Policy, known: References | None) -> Iterator[Finding]:
    """What can be told once all manifests are there."""
    world = world_of(sheets, known)
    manifests = [*(sheet.value for sheet in sheets), *(known.manifests if known else ())]
    definitions = definitions_of(manifests, known.served if known else frozenset())
    seen: dict[tuple[str, str, str, str], Sheet] = {}
    for sheet in sheets:
        if (type_ := custom_type(sheet, release, definitions)) is not None:
            walk(sheet, type_, sheet.value)
        check_references(sheet, pod_of(sheet), world)
        if sheet.kind == "HorizontalPodAutoscaler":
            check_autoscaler(sheet, world)
        _twice(sheet, seen)
        yield from _judged(sheet, policy, world)


def _twice(sheet: Sheet, seen: dict[tuple[str, str, str, str], Sheet]) -> None:
    if not sheet.name:
        return
    key = (sheet.api.rpartition("/")[0], sheet.kind, sheet.namespace, sheet.name)
    first = seen.setdefault(key, sheet)
    if first is not sheet:
        place = first.locate(("metadata", "name"))
        where = " ".join(filter(None, (first.source, str(place or "")))) or "the same set"
        sheet.add("names/twice", ("metadata", "name"), subject=sheet.subject, where=where)


def _own_rules(sheet: Sheet, policy: Policy, tired: set[str]) -> None:
    """The rules of the user, without those that are too costly (`tired`)."""
    subject = Subject(sheet.value)
    for own in policy.rules:
        if own.rule.id in tired or not own.concerns(sheet):
            continue
        verdict = own.expression.verdict(subject)
        if verdict.spent:
            tired.add(own.rule.id)
        if not verdict.kept:
            problem = verdict.problem
            sheet.add_own(replace(own.rule, message=problem, message_ko=problem) if problem else own.rule)


def _judged(sheet: Sheet, policy: Policy, world: World) -> Iterable[Finding]:
    """The findings with the levels that the policy and the namespace give them."""
    enforced = max(policy.enforced, enforced_by(world, sheet), key=list(Standard).index)
    for finding in sheet.findings:
        if finding.rule in policy.ignored:
            continue
        standard = standard_of(finding.rule)
        forbidden = standard is not None and list(Standard).index(standard) <= list(Standard).index(enforced)
        level = policy.levels.get(finding.rule, Level.ERROR if forbidden else finding.level)
        yield finding if level is finding.level else replace(finding, level=level)
