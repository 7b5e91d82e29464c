"""A model fills in what is open; its answer is checked, repaired twice at most, and else the template is the draft."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opstwin.agent.drafting.briefs import Drafted, Source
from opstwin.agent.drafting.drafter import Drafter
from opstwin.agent.models.opening import open_model
from opstwin.agent.models.port import ModelReply, ModelRequest, Role, Stop
from opstwin.agent.models.scripted_client import client_of
from opstwin.agent.models.scripted_server import ScriptedServer
from opstwin.clock import VirtualClock
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, Workload
from opstwin.errors import InvalidInput, ModelError
from opstwin.logs import MASK
from opstwin.manifests.checks.policy import policy_from
from opstwin.manifests.generating.amounts import MI
from opstwin.manifests.generating.info import ContainerInfo
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.yaml_text import read_documents
from opstwin.settings import Settings
from tests.unit.agent.drafting.briefs import (
    API,
    CANARY,
    CUT,
    STARVED,
    USAGE,
    Answering,
    Reply,
    answer,
    brief_of,
    briefs,
    down,
    everything_in,
    on_docker,
)

OPEN_REGISTRY = """
rules:
  - name: few-copies
    match: {kinds: [Deployment]}
    expression: object.spec.replicas <= 3
    message: At most three replicas.
"""


async def drafted(*replies: Reply, **brief: Any) -> tuple[Drafted, Answering]:
    model = Answering(list(replies))
    return await Drafter(model).draft(brief_of(**brief)), model


def kinds(draft: Drafted) -> dict[str, dict[str, Any]]:
    assert draft.manifests is not None
    found: dict[str, Any] = {str(item.value["kind"]): item.value for item in read_documents(draft.manifests)}
    return found


def container(draft: Drafted) -> dict[str, Any]:
    return dict(kinds(draft)["Deployment"]["spec"]["template"]["spec"]["containers"][0])


@pytest.mark.req("S5.11", "S5.36", "S5.43")
async def test_what_a_model_fills_in_stands_in_the_workload_and_in_the_manifests() -> None:
    draft, model = await drafted(answer())
    assert (draft.source, draft.rounds, draft.why, len(model.asked)) == (Source.MODEL, 0, "", 1)
    assert draft.workload == replace(
        API, resources=Resources(memory_bytes=256 * MI), replicas=2, health=draft.workload.health
    )
    assert kinds(draft)["Deployment"]["spec"]["replicas"] == 2
    assert container(draft)["resources"]["limits"] == {"memory": "256Mi"}
    assert container(draft)["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert draft.prompt.startswith("role.")


@pytest.mark.req("S5.44", "S5.45", "S5.46")
async def test_services_configuration_and_autoscaling_come_with_a_draft() -> None:
    scale = {"minimum": 2, "maximum": 6, "cpu_percent": 70}
    base = replace(API, secret_env={"API_KEY": "env:API_KEY"})
    draft, _ = await drafted(answer(autoscale=scale, replicas=None), base=base)
    found = kinds(draft)
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"].items() <= labels.items()
    assert [port["port"] for port in found["Service"]["spec"]["ports"]] == [8080]
    assert found["ConfigMap"]["data"] == {"LOG_LEVEL": "info"}
    assert found["Secret"]["stringData"] == {"API_KEY": {"secretRef": "env:API_KEY"}}
    scaler = found["HorizontalPodAutoscaler"]
    assert scaler["apiVersion"] == "autoscaling/v2"
    assert scaler["spec"]["scaleTargetRef"]["name"] == "api"
    assert container(draft)["resources"]["requests"]["cpu"]
    assert draft.workload.autoscale == Autoscale(minimum=2, maximum=6, cpu_percent=70)


@pytest.mark.req("S5.47")
async def test_the_reasoning_names_the_past_deployments_that_it_rests_on() -> None:
    draft, _ = await drafted(answer(examples=["dep_1", "dep_2"]))
    assert draft.examples == ("dep_1", "dep_2")
    assert "Past deployment #dep_1 of shop: succeeded." in draft.reasoning
    assert "Past deployment #dep_2 of orders: succeeded, ran out of memory 2 times." in draft.reasoning


@pytest.mark.req("S5.47")
async def test_the_reasoning_is_in_the_language_of_the_person() -> None:
    draft, _ = await drafted(answer(reasoning="dep_1과 같습니다."), language="ko")
    assert "지난 배포 #dep_1 (shop): 성공." in draft.reasoning
    english, _ = await drafted(answer())
    assert draft.manifests is not None
    assert draft.manifests != english.manifests, "the reasons stand on the lines of the manifests too"


@pytest.mark.req("S5.54")
@pytest.mark.parametrize(
    "reply",
    [
        "", "Sure! Here it is.", "[]", "null", '{"workload": "api"}', f"Here: {json.dumps(answer())}",
        f'{json.dumps(answer())[:-1]}, "memory": "1Gi"}}', '{"memory": NaN}', "[" * 50_000,
        answer(image="evil.example.com/x:1"), answer(command=["sh"]), answer(confidence=1.0), answer(privileged=True),
        json.dumps(answer()).replace("{", "{" + " " * 70_000, 1),
        answer(memory=256), answer(memory="lots"), answer(memory="256Mi; rm -rf /"), answer(replicas="2"),
        answer(replicas=0), answer(replicas=True), answer(replicas=500),
        answer(probe={"path": "/x", "port": 1, "h": 1}),
        answer(probe={"path": "/`reboot`", "port": 8080}), answer(probe={"path": "http://evil/", "port": 8080}),
        answer(reasoning=""), answer(reasoning="x" * 5000), answer(examples=["dep_1"] * 9),
        answer(workload="other"), answer(examples=["dep_77"]), answer(probe={"path": "/", "port": 9999}),
        answer(memory="8Mi"), answer(memory="900Gi"), answer(cpu="5m"), answer(cpu="99999m"),
    ],
)  # fmt: skip
async def test_an_answer_that_is_not_exactly_right_is_repaired(reply: Reply) -> None:
    draft, model = await drafted(reply, answer())
    assert (draft.source, draft.rounds) == (Source.MODEL, 1)
    assert draft.workload.resources.memory_bytes == 256 * MI
    told = model.asked[1].messages
    assert [item.role for item in told] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert told[-1].text.startswith("Your answer cannot be used:")
    assert all(item.text for item in told)


async def test_json_in_a_fence_is_read() -> None:
    draft, _ = await drafted(f"```json\n{json.dumps(answer())}\n```")
    assert (draft.source, draft.rounds) == (Source.MODEL, 0)


async def test_after_two_repairs_the_template_is_the_draft() -> None:
    draft, model = await drafted("no", "no", "no", answer())
    assert (draft.source, draft.rounds, len(model.asked)) == (Source.TEMPLATE, 2, 3)
    assert draft.workload == API
    assert "could not be used" in draft.why
    assert len(draft.replies) == 3


@pytest.mark.parametrize(
    ("base", "wrong"),
    [
        (replace(API, resources=Resources(memory_bytes=512 * MI)), answer(memory="256Mi")),
        (replace(API, resources=Resources(cpu_millicores=500)), answer(cpu="100m")),
        (replace(API, replicas=3), answer(replicas=2)),
        (replace(API, health=HealthCheck(command=("true",))), answer()),
        (replace(API, autoscale=Autoscale(maximum=4)),
         answer(replicas=None, autoscale={"minimum": 1, "maximum": 9, "cpu_percent": 50})),
    ],
)  # fmt: skip
async def test_what_the_person_said_stays_as_it_was(base: Workload, wrong: dict[str, Any]) -> None:
    draft, _ = await drafted(wrong, wrong, wrong, base=base)
    assert draft.source is Source.TEMPLATE
    assert draft.workload == base
    assert "is not open" in draft.why


async def test_one_replica_that_was_asked_for_stays_one() -> None:
    draft, _ = await drafted(answer(), answer(replicas=None), said=frozenset({"replicas"}))
    assert (draft.workload.replicas, draft.rounds) == (1, 1)


async def test_what_runs_already_keeps_its_number_of_replicas() -> None:
    draft, _ = await drafted(answer(), answer(replicas=None), current=API)
    assert (draft.workload.replicas, draft.rounds) == (1, 1)


async def test_nothing_is_asked_where_everything_was_said() -> None:
    base = replace(
        API, resources=Resources(cpu_millicores=500, memory_bytes=512 * MI), replicas=3,
        health=HealthCheck(command=("true",)),
    )  # fmt: skip
    draft, model = await drafted(base=base)
    assert not model.asked
    assert (draft.source, draft.workload) == (Source.TEMPLATE, base)
    assert "everything was said" in draft.why


async def test_memory_below_the_measured_peak_is_refused() -> None:
    draft, model = await drafted(answer(memory="160Mi"), answer(), options=GenerateOptions(usage=USAGE))
    assert "below the measured peak of 180Mi" in model.asked[1].messages[-1].text
    assert draft.workload.resources.memory_bytes == 256 * MI


async def test_memory_with_which_the_image_was_killed_before_is_refused() -> None:
    _, model = await drafted(answer(memory="128Mi"), answer())
    assert "must be above 128Mi: with that, dep_2 ran out of memory" in model.asked[1].messages[-1].text


async def test_what_another_image_was_killed_with_says_nothing_of_this_one() -> None:
    other = replace(STARVED, image="acme/mail:1", memory_limit=2**30)
    draft, model = await drafted(answer(examples=[]), examples=(other,))
    assert (draft.rounds, len(model.asked)) == (0, 1)


async def test_what_was_wrong_before_is_not_the_models_fault_and_lowers_the_confidence() -> None:
    rules = policy_from("rules: [{name: never, match: {kinds: [Deployment]}, expression: 'false'}]")
    draft, _ = await drafted(answer(), rules=rules)
    clean, _ = await drafted(answer())
    assert (draft.source, draft.rounds) == (Source.MODEL, 0)
    assert draft.confidence < clean.confidence * 0.4


async def test_what_no_cluster_can_do_is_not_the_models_fault() -> None:
    base = replace(API, volumes=(Mount(path="/data", host_path="/srv/data"),))
    draft, _ = await drafted(answer(replicas=None), base=base)
    assert (draft.source, draft.rounds) == (Source.MODEL, 0)


@pytest.mark.parametrize(("image", "user"), [(API.image, 4321), ("acme/other:1", None)])
async def test_what_was_seen_of_the_same_image_is_in_the_manifests(image: str, user: int | None) -> None:
    seen = ContainerInfo(name="api", image=image, user="4321", writes=())
    draft, _ = await drafted(answer(), info=seen)
    assert draft.manifests is not None
    assert ("runAsUser: 4321" in draft.manifests) == (user is not None)


@pytest.mark.proves("H3")
async def test_a_proposal_that_breaks_the_operators_rules_is_refused() -> None:
    rules = policy_from(OPEN_REGISTRY)
    draft, model = await drafted(answer(replicas=5), answer(replicas=3), rules=rules)
    assert "policy/few-copies: At most three replicas." in model.asked[1].messages[-1].text
    assert draft.workload.replicas == 3


async def test_on_an_engine_no_probe_is_taken_from_a_model_and_there_are_no_manifests() -> None:
    model = Answering([answer(), answer(probe=None)])
    draft = await Drafter(model).draft(on_docker())
    assert (draft.manifests, draft.workload.health, draft.rounds) == (None, None, 1)
    assert draft.workload.resources.memory_bytes == 256 * MI


async def test_ports_of_a_machine_are_not_taken_by_more_replicas() -> None:
    base = replace(API, ports=(Port(container=8080, host=8080),))
    model = Answering([answer(probe=None), answer(probe=None, replicas=None)])
    draft = await Drafter(model).draft(on_docker(base))
    assert (draft.workload.replicas, draft.rounds) == (1, 1)


@pytest.mark.req("S5.119", "S5.120")
@pytest.mark.proves("B6")
@pytest.mark.parametrize(
    ("reason", "said", "said_ko"),
    [
        ("no_key", "no language model is set up", "언어 모델이 설정되어 있지 않습니다"),
        ("down", "does not answer", "응답하지 않습니다"),
        ("timeout", "took too long", "너무 늦습니다"),
        ("rate_limited", "takes no more requests", "더 받지 않습니다"),
        ("breaker", "failed several times", "여러 번 실패"),
        ("budget", "budget", "예산"),
        ("bad_output", "could not be used", "사용할 수 없습니다"),
        ("truncated", "cut off", "끊겼습니다"),
        ("refused", "refused to answer", "거절"),
        ("something new", "does not answer", "응답하지 않습니다"),
    ],
)
async def test_without_a_model_the_template_is_the_draft_and_says_why(reason: str, said: str, said_ko: str) -> None:
    draft, _ = await drafted(down(reason))
    assert (draft.source, draft.workload) == (Source.TEMPLATE, API)
    assert {"Deployment", "Service", "ConfigMap"} <= kinds(draft).keys()
    assert draft.reasoning
    assert draft.why.startswith("Made from the template, because")
    assert said in draft.why
    assert "Try again later." in draft.why
    korean, _ = await drafted(down(reason), language="ko")
    assert said_ko in korean.why


@pytest.mark.req("S5.119")
async def test_with_no_model_at_all_the_template_is_the_draft() -> None:
    draft = await Drafter(None).draft(brief_of())
    assert draft.source is Source.TEMPLATE
    assert "no language model is set up" in draft.why


async def test_a_model_that_fails_during_a_repair_leaves_the_template() -> None:
    draft, model = await drafted("no", down("timeout"))
    assert (draft.source, len(model.asked), len(draft.replies)) == (Source.TEMPLATE, 2, 1)


async def test_a_refusal_is_not_asked_again() -> None:
    draft, model = await drafted(ModelReply(text="I cannot.", stop=Stop.REFUSED), answer())
    assert (draft.source, len(model.asked)) == (Source.TEMPLATE, 1)


async def test_an_answer_that_was_cut_off_is_asked_for_in_fewer_words() -> None:
    draft, model = await drafted(CUT, CUT, CUT)
    assert "use fewer words" in model.asked[1].messages[-1].text
    assert "was cut off" in draft.why


async def test_an_answer_that_was_kept_is_labelled_as_such() -> None:
    draft, _ = await drafted(ModelReply(text=json.dumps(answer()), calls_made=0))
    assert draft.source is Source.CACHE


async def test_a_policy_that_cannot_be_sent_leaves_the_template_and_nothing_is_sent() -> None:
    draft, model = await drafted(answer(), policy="word " * 3000)
    assert not model.asked
    assert draft.source is Source.TEMPLATE
    assert "Shorten policy.md" in draft.why


async def test_a_base_that_no_cluster_takes_is_an_error_and_not_a_draft() -> None:
    with pytest.raises(InvalidInput):
        await drafted(answer(), base=replace(API, name="x" * 63, ports=(Port(container=80),)), namespace="Bad Name")


@pytest.mark.req("S5.G4")
@pytest.mark.proves("J1")
async def test_secrets_reach_no_round_of_the_conversation_with_the_model() -> None:
    base = replace(API, env={"API_KEY": CANARY}, secret_env={"OTHER": f"env:{CANARY.replace('-', '_')}"})
    _, model = await drafted(f"token={CANARY}", answer(reasoning=f"password={CANARY}", extra=1), answer(), base=base)
    assert len(model.asked) == 3
    assert all("hunter2" not in everything_in(item) for item in model.asked)


async def test_a_secret_that_a_model_repeats_is_covered_in_the_reasoning() -> None:
    draft, _ = await drafted(answer(reasoning=f"password={CANARY}"))
    assert CANARY not in draft.reasoning
    assert MASK in draft.reasoning


@pytest.mark.proves("H4")
async def test_the_reasoning_of_a_model_makes_no_links() -> None:
    draft, _ = await drafted(answer(reasoning="![x](https://evil.example.com/?q=1)"))
    assert "![x](" not in draft.reasoning


@pytest.mark.proves("H1", "H3")
@settings(deadline=None, max_examples=40)
@given(st.dictionaries(st.sampled_from([*answer(), "image", "name", "env", "labels"]), st.integers() | st.text()))
async def test_whatever_a_model_answers_image_name_ports_and_variables_stay(wild: dict[str, Any]) -> None:
    draft, _ = await drafted(answer(**wild), answer(**wild), answer(**wild))
    kept = replace(
        draft.workload, resources=API.resources, replicas=API.replicas, health=API.health, autoscale=API.autoscale
    )
    assert kept == API


@pytest.mark.parametrize("name", briefs())
async def test_every_kind_of_brief_has_a_template(name: str) -> None:
    draft = await Drafter(None).draft(briefs()[name])
    assert draft.workload == briefs()[name].base
    assert 0 <= draft.confidence <= 1
    assert draft.reasoning


async def test_an_error_of_the_model_never_leaves_the_drafter() -> None:
    model = Answering([ModelError("odd")])
    assert (await Drafter(model).draft(brief_of())).source is Source.TEMPLATE


class Keeping(Answering):
    """A model that keeps answers."""

    forgotten: int = 0

    async def forget(self, request: ModelRequest) -> None:
        assert request in self.asked
        self.forgotten += 1


async def test_an_answer_that_is_of_no_use_is_not_kept() -> None:
    model = Keeping(["no", answer(memory="1Mi"), answer()])
    await Drafter(model).draft(brief_of())
    assert model.forgotten == 2


async def test_bad_answers_that_end_in_the_template_are_asked_for_anew() -> None:
    server = ScriptedServer([json.dumps(answer(memory="1Mi"))] * 6)
    place = {"kind": "compatible", "base_url": "http://127.0.0.1:1/v1", "model": "m"}
    models = Settings(models={"providers": {"one": place}})  # type: ignore[arg-type]
    async with client_of(server) as http:
        drafter = Drafter(open_model(models, VirtualClock(), lambda text: text, environ={}, http=http))
        drafts = [await drafter.draft(brief_of()) for _ in range(2)]
    assert [draft.source for draft in drafts] == [Source.TEMPLATE, Source.TEMPLATE]
    assert len(server.requests) == 6
