"""A user's policy: rules in CEL, levels, and what is ignored; bounded, and typed where it is wrong."""

import pytest

from opstwin.errors import InvalidInput
from opstwin.manifests.checks.checking import checked
from opstwin.manifests.checks.findings import Level
from opstwin.manifests.checks.policy import Standard, policy_from
from tests.unit.manifests.checks.goods import good, only, report, rules_in

RULE = """
rules:
  - name: own-registry
    match: {kinds: [Deployment]}
    expression: object.spec.template.spec.containers.all(c, c.image.startsWith('%s'))
    message: Images come from our own registry.
    messageKo: 이미지는 우리 레지스트리에서 옵니다.
    fix: Push it there first.
    level: %s
"""


NINE = "[1, 2, 3, 4, 5, 6, 7, 8, 9]"


def policy(expression: str, **fields: str) -> str:
    more = "".join(f"    {key}: {value}\n" for key, value in fields.items())
    return f"rules:\n  - name: mine\n    expression: {expression!r}\n{more}"


def test_a_rule_that_is_kept_finds_nothing() -> None:
    assert report(policy=policy_from(RULE % ("registry.example.com/", "error"))).findings == ()


@pytest.mark.parametrize("level", Level)
def test_a_rule_that_is_not_kept_is_a_finding_of_its_level_in_its_own_words(level: Level) -> None:
    finding = only(report(policy=policy_from(RULE % ("ghcr.io/", level))), "policy/own-registry")
    assert (finding.level, finding.subject) == (level, "Deployment shop/web")
    assert finding.message == "Images come from our own registry."
    assert finding.message_ko == "이미지는 우리 레지스트리에서 옵니다."
    assert finding.fix == "Push it there first."


@pytest.mark.parametrize(
    ("match", "subjects"),
    [
        ("{kinds: [Service]}", {"Service shop/web"}),
        ("{apiVersions: [policy/v1]}", {"PodDisruptionBudget shop/web"}),
        ("{kinds: [Service], namespaces: [other]}", set()),
        ("{namespaces: [shop], kinds: [Ingress, CronJob]}", {"Ingress shop/web", "CronJob shop/tidy"}),
    ],
)
def test_a_rule_is_about_what_it_matches(match: str, subjects: set[str]) -> None:
    found = report(policy=policy_from(policy("false", match=match)))
    assert {item.subject for item in found.findings} == subjects


def test_a_rule_without_an_answer_is_not_kept_and_says_why() -> None:
    finding = only(
        report(policy=policy_from(policy("object.spec.nope == 1", match="{kinds: [Service]}"))), "policy/mine"
    )
    assert finding.level is Level.ERROR
    assert "no such member in mapping: 'nope'" in finding.message


@pytest.mark.parametrize("expression", ["object.kind", "1", "nosuch(object)", "1 / 0 == 1", "object.kind < 1"])
def test_an_expression_that_says_neither_true_nor_false_is_not_kept(expression: str) -> None:
    finding = only(report(policy=policy_from(policy(expression, match="{kinds: [Service]}"))), "policy/mine")
    assert "mine" in finding.message
    assert len(finding.message) < 250


@pytest.mark.parametrize(
    "expression", ["object.a >", "(", "'", "!!", "a ? b", "", "   ", "#", "for x in y", "x" * 5_000]
)
def test_a_bad_expression_is_refused_with_the_name_of_its_rule(expression: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        policy_from(policy(expression))
    assert "'mine'" in caught.value.message
    assert caught.value.field == "rules[0].expression"
    assert caught.value.next_step


@pytest.mark.parametrize(
    "expression",
    [
        f"{NINE}.all(a, {NINE}.all(b, {NINE}.all(c, {NINE}.all(d, {NINE}.all(e, a + b + c + d + e > 0)))))",
        f"[{', '.join(['1'] * 40)}].reduce(r, i, 'abcdefgh', r + r) != ''",
    ],
    ids=["steps", "size"],
)
def test_an_expression_that_takes_too_much_is_ended(expression: str) -> None:
    finding = only(report(policy=policy_from(policy(expression, match="{kinds: [Service]}"))), "policy/mine")
    assert "too many steps" in finding.message


def test_an_expression_that_took_too_much_is_not_tried_on_the_rest_of_the_set() -> None:
    expression = f"[{', '.join(['1'] * 40)}].reduce(r, i, 'abcdefgh', r + r) != ''"
    assert only(report(policy=policy_from(policy(expression))), "policy/mine").subject == "Deployment shop/web"


def test_a_hostile_pattern_in_an_expression_costs_no_time() -> None:
    manifests = good()
    manifests[2]["data"]["nginx.conf"] = "a" * 50_000 + "!"
    rule = policy("!object.data['nginx.conf'].matches('^(a+)+$')", match="{kinds: [ConfigMap]}")
    assert checked(manifests, policy=policy_from(rule)).findings == ()


def test_a_number_that_cel_cannot_hold_is_no_crash() -> None:
    found = report(("Service.spec.ports.0.port", 2**70), policy=policy_from(policy("true")))
    assert only(found, "policy/mine").level is Level.ERROR


def test_levels_and_ignored_rules_are_as_the_policy_says() -> None:
    change = ("Deployment.spec.template.spec.containers.0.image", "web:latest")
    raised = policy_from("levels: {values/floating-image: error}")
    assert only(report(change, policy=raised), "values/floating-image").level is Level.ERROR
    ignored = policy_from("ignore: [values/floating-image]")
    assert "values/floating-image" not in rules_in(report(change, policy=ignored))


def test_a_policy_can_enforce_a_pod_security_standard() -> None:
    assert policy_from("podSecurity: restricted").enforced is Standard.RESTRICTED


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("rule: []", "policy.rule"),
        ("rules: [3]", "rules[0]"),
        ("rules: [{expression: 'true'}]", "rules[0].name"),
        ("rules: [{name: A B, expression: 'true'}]", "rules[0].name"),
        ("rules: [{name: a, expression: 'true', levl: error}]", "rules[0].levl"),
        ("rules: [{name: a, expression: 'true', level: fatal}]", "rules[0].level"),
        ("rules: [{name: a, expression: 'true', match: {kind: Pod}}]", "rules[0].match.kind"),
        ("rules: [{name: a, expression: 'true', match: {kinds: Pod}}]", "rules[0].match.kinds"),
        ("rules: [{name: a, expression: 'true', match: [Pod]}]", "rules[0].match"),
        ("rules: [{name: a, expression: 'true'}, {name: a, expression: 'true'}]", "rules"),
        ("levels: {values/nope: error}", "ignore.values/nope"),
        ("levels: {values/image: fatal}", "levels.values/image"),
        ("ignore: [nope]", "ignore.nope"),
        ("ignore: nope", "ignore"),
        ("podSecurity: high", "podSecurity"),
        ("", "policy"),
        ("a: 1\n---\nb: 1\n", "policy"),
    ],
)
def test_a_wrong_policy_is_refused_with_the_field(text: str, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        policy_from(text)
    assert caught.value.field == field
    assert caught.value.next_step
