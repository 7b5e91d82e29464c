"""What answers about the twin say, in English and Korean."""

from collections.abc import Mapping
from typing import Final

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    # what is there
    "there": ("{count} {sort} on {place}: {states}.", "{place}에 {sort} {count}개: {states}."),
    "nothing_there": ("There is no {sort} on {place}.", "{place}에 {sort}이(가) 없습니다."),
    "none_of_health": ("No {sort} on {place} is {health}.", "{place}에 {health} 상태인 {sort}이(가) 없습니다."),
    "all_places": ("{count} targets", "타깃 {count}곳"),
    "no_place": ("no target", "타깃 없음"),
    "not_known": ("There is no {name} here.", "{name}은(는) 여기에 없습니다."),
    "known": ("There are: {names}.", "있는 것: {names}."),
    "all_well": ("Yes: {name} is well, {good} of {all}.", "네, {name}은(는) 정상입니다({all}개 중 {good}개)."),
    "not_well": (
        "No: {name} is not well, {good} of {all} are.",
        "아니요, {name}에 문제가 있습니다. {all}개 중 {good}개가 정상입니다.",
    ),
    "runs": ("{name}: {good} of {all} are well.", "{name}: {all}개 중 {good}개가 정상입니다."),
    "more_there": ("… and more: {command}", "… 더 있습니다: {command}"),
    "more": ("… and {count} more: {command}", "… 그 밖에 {count}개: {command}"),
    "never_seen": (
        "Nothing is known yet. Look first: opstwin discover",
        "아직 알려진 것이 없습니다. 먼저: opstwin discover",
    ),
    "nothing_runs": (
        "Nothing runs on {place}. What else is there: opstwin get",
        "{place}에서 돌고 있는 것이 없습니다. 그 밖에 있는 것: opstwin get",
    ),
    "ask_why": ("Ask: “why is {name} unhealthy?”", "물어보세요: “{name} 왜 이상해?”"),
    "ask_next": (
        "Ask: “diagnose {name}”, “logs of {name}”, “history of {name}”.",
        "물어보세요: “{name} 진단해줘”, “{name} 로그 보여줘”, “{name} 이력 보여줘”.",
    ),
    "unmanaged": ("not made by Opstwin", "Opstwin이 만들지 않음"),
    "drift": ("differs from what should be", "원하는 상태와 다름"),
    "restarts": ("{count} restarts", "재시작 {count}회"),
    "stale": ("seen {age} ago", "{age} 전에 관찰"),
    "answers": ("Yes: something answers at {place}{what}.", "네, {place}이(가) 응답합니다{what}."),
    "answers_not": ("No: nothing listens at {place}.", "아니요, {place}에서 듣고 있는 것이 없습니다."),
    "answers_unclear": (
        "Nobody can tell: {place} gave no answer that can be read.",
        "알 수 없습니다: {place}에서 읽을 수 있는 응답이 없었습니다.",
    ),
    # the past
    "past": (
        "Deployments: {count}, of which {good} held and {bad} did not.",
        "배포 {count}건: 성공 {good}건, 실패 {bad}건.",
    ),
    "past_of": (
        "Deployments of {name}: {count}, of which {good} held and {bad} did not.",
        "{name}의 배포 {count}건: 성공 {good}건, 실패 {bad}건.",
    ),
    "no_past": ("There was no deployment{when}.", "{when}배포한 것이 없습니다."),
    "no_past_of": ("There was no deployment of {name}{when}.", "{name}은(는) {when}배포된 적이 없습니다."),
    "day": (" within 24 hours", "24시간 안에 "),
    "two_days": (" within 48 hours", "48시간 안에 "),
    "week": (" within 7 days", "7일 안에 "),
    "outside": ("What changed outside of Opstwin: “is there any drift?”", "Opstwin 밖에서 바뀐 것: “드리프트 있어?”"),
    "was": ("was {image}", "이전 {image}"),
    "taken_down": ("taken down", "내림"),
    "see_history": ("All of it: opstwin history", "전체 보기: opstwin history"),
    "go_back": ("To go back say: “roll back {name}”.", "되돌리려면: “{name} 롤백해줘”."),
    # executions, plans
    "execution": ("{id} of plan {plan} on {target}: {state}.", "{target}에서 계획 {plan}의 {id}: {state}."),
    "plan": ("Plan {id} on {target}: {state}, risk {risk}.", "{target}의 계획 {id}: {state}, 위험도 {risk}."),
    "asked_for": ("Asked for: {request}", "요청: {request}"),
    "decide_it": ("A person decides: {command}", "사람이 결정합니다: {command}"),
    "waiting": ("Plans that wait for a decision: {count}", "결정을 기다리는 계획 {count}개:"),
    "none_waits": ("No plan waits for a decision.", "결정을 기다리는 계획이 없습니다."),
    "waits": (
        "{id} on {target}: {request} · risk {risk} · {command}",
        "{id} ({target}): {request} · 위험도 {risk} · {command}",
    ),
    # logs
    "no_lines": ("{name} wrote nothing that is kept.", "{name}의 로그에 남은 것이 없습니다."),
    "lines": ("The last lines of {name}:", "{name}의 마지막 로그:"),
    "error_like": ("{count} of {all} lines sound like errors.", "{all}줄 중 {count}줄이 오류로 보입니다."),
    "whose_logs": (
        "Whose log? {known} Say: “logs of {name}”.",
        "어떤 것의 로그입니까? {known} 예: “{name} 로그 보여줘”.",
    ),
    "unread": ("{name} could not be read.", "{name}을(를) 읽을 수 없습니다."),
    "all_lines": ("All of it: opstwin logs {name}", "전체 보기: opstwin logs {name}"),
    # use
    "use": (
        "{name} on {target} uses {cpu} CPU (limit {cpu_limit}) and {memory} of memory (limit {memory_limit}).",
        "{target}의 {name}: CPU {cpu} 사용(제한 {cpu_limit}), 메모리 {memory} 사용(제한 {memory_limit}).",
    ),
    "no_limit": ("none", "없음"),
    "unmeasured": ("not measured", "측정 안 됨"),
    "predict": ("What it should request: opstwin predict {name}", "적정 크기: opstwin predict {name}"),
    # what is wrong
    "next": ("Next: {command}", "다음: {command}"),
    "cannot_tell": ("Not to be seen on {target} now: {count}", "{target}의 {count}건은 지금 볼 수 없습니다."),
    "no_drift": (
        "Nothing differs from what should be, as far as the twin can tell.",
        "트윈이 아는 한 원하는 상태와 다른 것이 없습니다.",
    ),
    "drifts": ("Resources that differ from what should be: {count}", "원하는 상태와 다른 리소스 {count}개:"),
    "since": ("since {at} UTC", "{at} UTC부터"),
}

_SORTS: Final = {
    "container": ("containers", "컨테이너"),
    "image": ("images", "이미지"),
    "volume": ("volumes", "볼륨"),
    "network": ("networks", "네트워크"),
    "workload": ("workloads", "워크로드"),
    "pod": ("pods", "파드"),
    "node": ("nodes", "노드"),
    "": ("resources", "리소스"),
}
_STATES: Final = {
    "healthy": ("healthy", "정상"),
    "unhealthy": ("unhealthy", "비정상"),
    "starting": ("starting", "시작 중"),
    "stopped": ("stopped", "멈춤"),
    "unknown": ("unknown", "알 수 없음"),
    "none": ("there", "있음"),
    "running": ("running", "실행 중"),
    "absent": ("not there", "없음"),
    "present": ("there", "있음"),
    "exited": ("ended", "종료됨"),
    "created": ("made, not started", "생성됨"),
    "paused": ("paused", "일시 중지"),
    "restarting": ("restarting", "재시작 중"),
    "dead": ("dead", "죽음"),
    "missing": ("missing", "없어짐"),
    "changed": ("changed", "바뀜"),
    "extra": ("too much", "남음"),
    "pending": ("waits for a decision", "결정 대기"),
    "approved": ("approved", "승인됨"),
    "rejected": ("rejected", "거절됨"),
    "applying": ("being applied", "적용 중"),
    "applied": ("applied", "적용됨"),
    "rolled_back": ("rolled back", "되돌림"),
    "failed": ("failed", "실패"),
    "stale": ("stale", "낡음"),
    "verifying": ("being verified", "확인 중"),
    "rolling_back": ("being rolled back", "되돌리는 중"),
    "succeeded": ("done and verified", "성공"),
    "needs_human": ("stopped, a human must look", "멈춤, 사람이 봐야 함"),
    "done": ("done", "완료"),
    "intended": ("outcome unknown", "결과 모름"),
    "skipped": ("not done", "하지 않음"),
    "low": ("low", "낮음"),
    "high": ("high", "높음"),
    "destructive": ("destructive", "파괴적"),
    "create": ("create", "생성"),
    "update": ("update", "변경"),
    "replace": ("replace", "교체"),
    "delete": ("delete", "삭제"),
    "restart": ("restart", "재시작"),
    "exec": ("command", "명령"),
}
_CAUSES_KO: Final = {
    "desired_changed": "원하는 상태가 바뀌었습니다.",
    "execution": "실행이 이렇게 남겼거나 지금 바꾸고 있습니다.",
    "heal_failed": "최근에 복구했지만 다시 달라졌습니다. 외부에서 되돌리고 있습니다.",
    "ended": "스스로 종료되었거나 상태 검사에 실패했습니다. 누가 바꾼 것은 아닙니다.",
    "outside": "Opstwin 밖에서 누군가 또는 무언가가 바꾸었습니다.",
    "autoscaler": "오토스케일러가 복제본 수를 정합니다.",
    "unknown": "지금 볼 수 없어 이유를 알 수 없습니다.",
}
_OUTLOOKS_KO: Final = {
    "nothing": "저절로 바뀌지 않습니다.",
    "proposed": "되돌리는 계획이 사람의 결정을 기다립니다.",
    "proposes": "다음 조정 때 계획을 제안하고 사람이 결정합니다.",
    "heals": "위험도가 낮으면 다음 조정 때 복구됩니다.",
    "paused": "사람이 다시 허용할 때까지 복구를 멈췄습니다.",
    "left_alone": "사람이 되돌리는 계획을 거절해 그대로 둡니다.",
    "applying": "실행이 작업 중이며 끝나면 다시 봅니다.",
    "waits_for_target": "대상을 볼 수 있을 때까지 아무것도 하지 않습니다.",
}


def phrase(language: str, key: str, **values: object) -> str:
    """One sentence of an answer."""
    english, korean = _TEXTS[key]
    return (korean if language == "ko" else english).format(**values)


def sort_word(language: str, sort: str, count: int = 2) -> str:
    """A kind of resource as people call it; one that is not known as it is."""
    english, korean = _SORTS.get(sort, (f"{sort}s", sort))
    if language == "ko":
        return korean
    return english.removesuffix("s") if count == 1 else english


def state_word(language: str, state: str) -> str:
    """A state, a risk or an operation as people call it; one that is not known as it is."""
    english, korean = _STATES.get(state, (state, state))
    return korean if language == "ko" else english


def cause_word(language: str, cause: str, text: str) -> str:
    """Why something differs: in English as it was worked out, in Korean what kind of cause it is."""
    return _CAUSES_KO.get(cause, text) if language == "ko" else text


def outlook_word(language: str, outlook: str, text: str) -> str:
    """What happens about it, likewise."""
    return _OUTLOOKS_KO.get(outlook, text) if language == "ko" else text
