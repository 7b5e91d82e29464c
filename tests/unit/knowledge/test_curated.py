"""The examples that ship with the product."""

import pytest

from opstwin.domain.right_sizing import Measured, right_size
from opstwin.knowledge.cases import Case, summary_of, text_of
from opstwin.knowledge.curated import curated, manifests_of
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.policy import Policy, Standard
from opstwin.manifests.yaml_text import text_of as yaml_of

STRICT = Policy(enforced=Standard.RESTRICTED)
examples = pytest.mark.parametrize("case", curated(), ids=lambda case: case.id)


@pytest.mark.req("S5.49")
def test_there_are_twelve_over_all_purposes_and_languages() -> None:
    pasts = [case.deployment for case in curated()]
    assert len({past.id for past in pasts}) == 12
    assert {past.service_type for past in pasts} == {"web", "api", "worker", "db", "cache"}
    assert {past.language for past in pasts} == {"node", "python", "go", "java", ""}


@examples
@pytest.mark.req("S5.49")
def test_its_manifests_keep_the_restricted_standard_without_a_finding(case: Case) -> None:
    made = manifests_of(case)
    report = checked([item.document for item in made.manifests], policy=STRICT)
    assert [(item.rule, item.message) for item in report.findings if item.level != "info"] == []
    assert made.findings == ()
    assert "kind:" in yaml_of(made.manifests)


@examples
def test_it_has_a_pinned_image_a_check_and_a_memory_limit_and_no_cpu_limit(case: Case) -> None:
    workload = case.deployment.workload
    assert workload is not None
    assert case.deployment.image_tag not in ("", "latest")
    assert workload.health is not None
    assert workload.resources.memory_bytes == case.deployment.memory_limit
    assert workload.resources.cpu_millicores is None
    assert case.deployment.cpu_limit is None


@examples
def test_its_figures_are_what_right_sizing_would_say(case: Case) -> None:
    past = case.deployment
    advice = right_size(Measured(usage=past.usage))
    assert advice.cpu_request == past.cpu_request
    assert advice.memory_limit is not None
    assert past.memory_limit is not None
    assert abs(advice.memory_limit - past.memory_limit) <= 1024 * 1024


@examples
def test_it_says_what_was_learned_in_its_summary(case: Case) -> None:
    assert len(case.learned.split()) > 10
    assert case.learned in summary_of(case)


@examples
@pytest.mark.proves("J1")
def test_its_text_names_variables_and_holds_no_value_of_them(case: Case) -> None:
    workload = case.deployment.workload
    assert workload is not None
    for value in workload.secret_env.values():
        assert value not in text_of(case)
    assert case.curated
    assert case.tenant == ""
