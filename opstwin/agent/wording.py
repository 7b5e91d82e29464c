"""What the conversation says itself, in English and Korean."""

from collections.abc import Mapping
from typing import Final

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "no_model": ("No language model was used: {why}.", "언어 모델을 쓰지 않았습니다: {why}."),
    "no_key": ("none is set up", "설정된 모델이 없습니다"),
    "down": ("it does not answer", "모델이 응답하지 않습니다"),
    "timeout": ("it took too long", "응답이 너무 늦습니다"),
    "rate_limited": ("it is asked too often", "요청이 너무 많습니다"),
    "breaker": ("it failed several times and rests", "여러 번 실패해 잠시 쉬고 있습니다"),
    "budget": ("the budget is used up", "예산을 다 썼습니다"),
    "bad_output": ("its answers could not be used", "모델의 답을 쓸 수 없었습니다"),
    "truncated": ("its answer broke off", "답이 중간에 끊겼습니다"),
    "broke_off": (
        "The model's answer broke off there. What follows is without it.",
        "모델의 답이 여기서 끊겼습니다. 아래는 모델 없이 답한 것입니다.",
    ),
    "refused": ("it refused", "모델이 거절했습니다"),
    "secret": ("the words hold a secret", "요청에 비밀 값이 있습니다"),
    "by_template": (
        "No language model filled in what nobody said ({why}); the template and the records did.",
        "말하지 않은 값은 언어 모델 없이({why}) 기본 템플릿과 기록에서 정했습니다.",
    ),
    "from_records": (
        "Limits are what similar deployments in the records needed.",
        "제한 값은 기록에 있는 비슷한 배포에서 필요했던 값입니다.",
    ),
    "drafted_by": (
        "Nobody said {fields}; a language model filled that in ({source}), confidence {confidence}.",
        "말하지 않은 {fields} 값은 언어 모델이 정했습니다({source}). 신뢰도 {confidence}.",
    ),
    "drafted_from_records": (
        "Nobody said {fields}; the records of similar deployments did ({source}), confidence {confidence}.",
        "말하지 않은 {fields} 값은 비슷한 배포의 기록에서 정했습니다({source}). 신뢰도 {confidence}.",
    ),
    "compared": ("{one} | {other}", "{one} | {other}"),
    "not_there": ("There is no {name} on {target}.", "{target}에는 {name}이(가) 없습니다."),
    "more_of_them": ("{count} more are not shown.", "{count}개가 더 있습니다."),
    "field_image": ("image", "이미지"),
    "field_replicas": ("replicas", "복제본"),
    "field_cpu": ("CPU limit", "CPU 제한"),
    "field_memory": ("memory limit", "메모리 제한"),
    "field_runs": ("running now", "실행 중"),
    "field_runs_image": ("image that runs", "실행 중인 이미지"),
    "field_health": ("health", "상태"),
    "field_uses_cpu": ("CPU used", "CPU 사용량"),
    "field_uses_memory": ("memory used", "메모리 사용량"),
    "part_resources": ("limits of memory and CPU", "메모리와 CPU 제한"),
    "part_replicas": ("replicas", "복제본 수"),
    "part_health": ("the health check", "상태 검사"),
    "part_autoscale": ("autoscaling", "자동 확장"),
    "see_all": ("All of it: {command}", "전체 보기: {command}"),
    "planned": (
        "Here is {plan}. {summary} Risk: {risk}.",
        "계획 {plan}입니다. {summary} 위험도: {risk}.",
    ),
    "decide": (
        "Nothing runs until a human decides. Approve or reject it here, or: {command}",
        "사람이 결정하기 전에는 아무것도 실행되지 않습니다. 여기서 승인하거나 거절하세요. 또는: {command}",
    ),
    "others_decide": (
        "You may reject it here; others approve it: {names}, with {command} or at {url}. Nothing runs before.",
        "여기서 거절할 수 있고, 승인은 다른 사람이 합니다: {names}. {command} 또는 {url}. 그 전에는 실행되지 않습니다.",
    ),
    "nobody_decides": (
        "Nobody here may approve it yet: opstwin people add, or policy = solo for one operator. Then: {command}",
        "아직 승인할 수 있는 사람이 없습니다: opstwin people add, 혼자라면 policy = solo. 그다음: {command}",
    ),
    "nothing_to_do": (
        "Nothing is to be done: it is as asked already (plan {plan}).",
        "할 일이 없습니다. 이미 요청한 상태입니다(계획 {plan}).",
    ),
    "words_decide": (
        ("Words in a conversation are no approval, whoever says them. A person decides, signed in: {command} "
        "or: opstwin reject {plan} --reason WHY"),
        ("대화에서 한 말은 누가 하든 승인이 아닙니다. 사람이 자기 계정으로 결정합니다: {command} "
        "또는: opstwin reject {plan} --reason 이유"),
    ),
    "nothing_waits": (
        "No plan of this conversation waits for a decision. Plans that wait: opstwin get plans",
        "이 대화에는 결정을 기다리는 계획이 없습니다. 기다리는 계획: opstwin get plans",
    ),
    "applied": ("Done and verified ({execution}).", "적용하고 확인했습니다({execution})."),
    "rolled_back": (
        "It was undone ({execution}): {reason}", "되돌렸습니다({execution}): {reason}"
    ),
    "needs_human": (
        "It stopped and a human must look ({execution}): {reason} See it: opstwin show {execution}",
        "멈췄습니다. 사람이 봐야 합니다({execution}): {reason} 보기: opstwin show {execution}",
    ),
    "rejected": (
        "The plan {plan} was rejected{reason}. Nothing was done.",
        "계획 {plan}이 거절되었습니다{reason}. 아무것도 하지 않았습니다.",
    ),
    "expired": (
        "The time to decide on plan {plan} is over. Nothing was done. Ask again for a new one.",
        "계획 {plan}의 결정 시간이 지났습니다. 아무것도 하지 않았습니다. 다시 요청해 주세요.",
    ),
    "stale": (
        "Plan {plan} is stale: the world moved since it was made. Nothing was done. Ask again for a new one.",
        "계획 {plan}을 만든 뒤 상태가 바뀌었습니다. 아무것도 하지 않았습니다. 다시 요청해 주세요.",
    ),
    "not_done": (
        "Note from the hub: nothing was approved or applied in this turn.",
        "허브의 알림: 이번 대화에서 승인되거나 적용된 것은 없습니다.",
    ),
    "unclear": (
        "I can deploy, change, diagnose, compare, explain and undo. {doubt}",
        "배포, 변경, 진단, 비교, 설명, 되돌리기를 할 수 있습니다. {doubt}",
    ),
    "nothing_to_undo": (
        "There is nothing of this conversation to undo. Past deployments: opstwin history list",
        "이 대화에서 되돌릴 것이 없습니다. 지난 배포: opstwin history list",
    ),
    "still_waits": ("Plan {plan} still waits, unchanged.", "계획 {plan}은 그대로 기다리고 있습니다."),
    "why_said": ("{value} stands in the request: “{request}”.", "{value}: 요청에 있는 값입니다: “{request}”."),
    "why_risk": ("The risk is {risk}: {reasons}.", "위험도는 {risk}입니다: {reasons}."),
    "no_value": ("{value} is not in plan {plan}.", "{value}은(는) 계획 {plan}에 없습니다."),
    "kept_value": (
        "{value} is what {name} has already, or what its draft brought; the request does not say it.",
        "{value}은(는) {name}의 기존 값이거나 초안에서 온 값입니다. 요청에는 없습니다.",
    ),
    "leaned_on": ("It leans on: {examples}.", "참고한 지난 배포: {examples}."),
    "all_of_it": ("All that plan {plan} changes:", "계획 {plan}이 바꾸는 것 전부:"),
}  # fmt: skip


def say(language: str, key: str, **given: object) -> str:
    """One of the conversation's own sentences."""
    english, korean = _WORDS[key]
    return (korean if language == "ko" else english).format(**given)


def field_word(language: str, field: str) -> str:
    """A part of a workload that a draft fills in, as people call it."""
    return say(language, f"part_{field}") if f"part_{field}" in _WORDS else field


def why_fallback(language: str, reason: str) -> str:
    """Why no model was used, in a few words."""
    return say(language, reason if reason in _WORDS else "down")
