"""What a plan is asked for with, and which planner answers."""

import asyncio
import json
from dataclasses import replace
from typing import Annotated

from pydantic import BeforeValidator, Field

from opstwin.control.asking import target_of
from opstwin.control.manifest_goals import Manifests
from opstwin.domain.access import ActorKind
from opstwin.domain.ask import Action
from opstwin.domain.ask import Ask as Asked
from opstwin.domain.own_words import run_by, strings
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.target import Target
from opstwin.domain.values import ResourceId, Spec, TargetId, resource_id
from opstwin.errors import Forbidden, InvalidInput
from opstwin.intent.document import ComponentRequest, ManifestRequest, read_document
from opstwin.intent.words import read_request
from opstwin.tools.fields import MAX_FILE, ResourceName, TargetName, WorkloadName
from opstwin.tools.registry import Ask, Caller
from opstwin.tools.services import Services
from opstwin.tools.workloads import all_workloads

_WAYS = ("words", "file", "drift", "rollback")


def as_text(file: object) -> object:
    """A file as text. AI clients that read JSON in a text send the file as the object or the list that stood there."""
    if isinstance(file, dict):
        # What tells manifests from other files must stand first.
        first = {key: file[key] for key in ("apiVersion", "kind") if key in file}
        return json.dumps({**first, **file}, ensure_ascii=False)
    if isinstance(file, list) and file and all(isinstance(item, dict) for item in file):
        return "\n---\n".join(str(as_text(item)) for item in file)
    return file


class PlanAsk(Ask):
    """What should change: exactly one of `words`, `file`, `drift` and `rollback`.

    `file` is the text of a workload, Compose or components file, or of manifests; `project` names the Compose
    project or the application of the manifests, and `variables` are what the `${NAME}` of a Compose file stand for.
    `remove` are workloads that the file takes away, and `prune` what has left the manifests. `take_over` lets a person
    take fields that others set. `resources` narrows `drift`. `rollback` is a workload's name or an execution.
    """

    words: Annotated[
        str | None, Field(min_length=1, max_length=4000, examples=["deploy nginx:1.27 as web with 2 replicas"])
    ] = None
    file: Annotated[str | None, Field(min_length=1, max_length=MAX_FILE), BeforeValidator(as_text)] = None
    project: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9-]*$")] = ""
    variables: Annotated[dict[str, str], Field(default_factory=dict, max_length=200)]
    drift: bool = False
    resources: Annotated[list[ResourceName] | None, Field(min_length=1, max_length=1000)] = None
    rollback: Annotated[str | None, Field(min_length=1, max_length=200, pattern=r"^[a-z0-9][a-z0-9_/-]*$")] = None
    target: TargetName | None = None
    endpoint: Annotated[str | None, Field(min_length=1, max_length=2048)] = None
    remove: Annotated[list[WorkloadName], Field(default_factory=list, max_length=100)]
    prune: bool = False
    take_over: Annotated[bool, Field(json_schema_extra={"x-people-only": True})] = False


def language_of(ask: PlanAsk) -> str:
    """The language to answer in: Korean where the words are."""
    return "ko" if ask.words and any("가" <= letter <= "힣" for letter in ask.words) else "en"


async def planned(services: Services, caller: Caller, ask: PlanAsk) -> Plan:
    """The plan that was asked for. Raises `InvalidInput` unless exactly one way of asking is used."""
    given = [way for way in _WAYS if getattr(ask, way)]
    if len(given) != 1:
        raise InvalidInput(
            f"Give exactly one of {', '.join(_WAYS)}, not {' and '.join(given) or 'none'}.",
            field=given[1] if given else "words",
            next_step='Such as {"words": "scale web to 3"}.',
        )
    _check_company(ask, given[0])
    if ask.words is not None:
        return await _from_words(services, caller, ask.words, ask.target)
    if ask.file is not None:
        return await _from_file(services, caller, ask, ask.file)
    if ask.rollback is not None:
        known = ask.rollback.startswith("exec_") or "/" in ask.rollback
        subject = ask.rollback if known else await workload_named(services, ask.rollback, ask.target)
        taint = await services.taints.judged(caller, named_back(ask.rollback))
        return await services.planner.rollback(subject, caller.actor, taint=taint, plan_id=caller.plan_id)
    target = await _target(services, ask.target)
    resources = None if ask.resources is None else [ResourceId(item) for item in ask.resources]
    return await services.planner.from_drift(target, resources, caller.actor, caller.plan_id)


async def workload_named(services: Services, name: str, target: str | None) -> ResourceId:
    """The workload of that name on the target that is named, else on the default one, else on the only one that has it.

    Raises `InvalidInput` where several others have it; else what `target_of` raises.
    """
    homes = [item.target for item in all_workloads(await services.index.now()) if item.name == name]
    if target is None and len(homes) == 1:
        return resource_id(homes[0], "workload", name)
    home = await _target(services, target)
    if target is None and homes and home not in homes:
        raise InvalidInput(
            f"{name} is on {', '.join(homes)}.", field="target", next_step="Say which one: --target",
            details={"choices": homes},
        )  # fmt: skip
    return resource_id(home, "workload", name)


def named_back(subject: str) -> list[str]:
    """What of a wish for the way back others may have written: a name, and no id that the hub itself gave."""
    return [] if subject.startswith(("exec_", "plan_")) else [subject]


async def _from_words(services: Services, caller: Caller, words: str, target: str | None) -> Plan:
    read = read_request(words)
    if target is not None and read.target not in (None, target):
        raise InvalidInput(
            f"The words say {read.target}, the request says {target}.", field="target", next_step="Name one target."
        )
    asked = read if target is None else replace(read, target=target)
    named = [asked.image or "", *run_by(asked.workload)]
    taint = await services.taints.judged(caller, [words], named, [asked.name])
    return await services.planner.from_ask(
        asked, request=words, actor=caller.actor, taint=taint, plan_id=caller.plan_id
    )


async def _from_file(services: Services, caller: Caller, ask: PlanAsk, text: str) -> Plan:
    # A hostile file of the allowed size costs a second of parsing, which must not hold up everybody else.
    shared = await _is_for_cluster(services, ask.target)
    document = await asyncio.to_thread(
        read_document, text, project=ask.project, variables=ask.variables, for_cluster=shared
    )
    given = [text, ask.project, ask.endpoint or "", *ask.remove, *ask.variables, *ask.variables.values()]
    if isinstance(document, ComponentRequest):
        taint = await services.taints.judged(caller, given)
        return await services.component_planner.plan(
            document.form, ask.endpoint, ask.target, caller.actor, taint=taint, named=caller.named,
            plan_id=caller.plan_id,
        )  # fmt: skip
    if ask.endpoint is not None:
        raise _misplaced("endpoint", "a components file")
    if isinstance(document, ManifestRequest):
        return await _from_manifests(services, caller, ask, document)
    for field in ("prune", "take_over"):
        if getattr(ask, field):
            raise _misplaced(field, "a file of manifests")
    names = [name for item in document.items for name in run_by(item)]
    taint = await services.taints.judged(caller, given, names, [item.name for item in document.items])
    called, behind = ", ".join(item.name for item in document.items), caller.behind
    request = behind.words if behind is not None else f"{document.source} file: {called}"
    return await services.planner.from_workloads(
        await _target(services, ask.target), document.items, request=request[:500],
        origin=Origin.WORDS if behind is not None and behind.in_words else Origin.FILE, actor=caller.actor,
        remove=ask.remove, taint=taint, drafts=behind.drafts if behind is not None else (),
        plan_id=caller.plan_id,
    )  # fmt: skip


async def _from_manifests(services: Services, caller: Caller, ask: PlanAsk, given: ManifestRequest) -> Plan:
    if ask.remove or ask.variables:
        raise _misplaced("remove" if ask.remove else "variables", "a workload or Compose file")
    if ask.take_over and caller.actor.kind is not ActorKind.PERSON:
        raise Forbidden(
            "Only a person may take fields from their owner.", next_step="Leave them out of the manifest, or ask one."
        )
    texts = [text for item in given.documents for text in strings(dict(item))]
    called = [ask.project, *map(_name_of, given.documents)]
    taint = await services.taints.judged(caller, [ask.project, *texts], called=called)
    kinds = ", ".join(f"{item.get('kind')} {_name_of(item)}" for item in given.documents)
    return await services.planner.from_manifests(
        await _target(services, ask.target),
        Manifests(documents=given.documents, name=ask.project, prune=ask.prune),
        request=f"manifests: {kinds}"[:500], origin=Origin.FILE, actor=caller.actor, taint=taint,
        take_over=ask.take_over, plan_id=caller.plan_id,
    )  # fmt: skip


def _name_of(document: Spec) -> str:
    metadata = document.get("metadata")
    return str(metadata.get("name")) if isinstance(metadata, dict) else "?"


async def _is_for_cluster(services: Services, named: str | None) -> bool:
    """Whether the target that is named, or the default, is a cluster."""
    targets = [item for item in await services.ledger.all(Target) if (item.id == named if named else item.is_default)]
    return any(item.backend_type == "kubernetes" for item in targets)


async def _target(services: Services, named: str | None) -> TargetId:
    """The target that is named, or the one default; raises like `target_of`."""
    asked = Asked(action=Action.DEPLOY, name="", target=named)
    return target_of(asked, await services.ledger.all(Target))


def _check_company(ask: PlanAsk, way: str) -> None:
    """Refuse fields that would be ignored: a request is never half-understood."""
    belongs = {"resources": "drift", "remove": "file", "endpoint": "file", "project": "file", "variables": "file",
               "prune": "file", "take_over": "file"}  # fmt: skip
    for field, wanted in belongs.items():
        if getattr(ask, field) and way != wanted:
            raise _misplaced(field, f"a request with {wanted}")


def _misplaced(field: str, place: str) -> InvalidInput:
    return InvalidInput(f"{field} belongs to {place}.", field=field, next_step=f"Leave {field} out.")
