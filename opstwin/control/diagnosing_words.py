"""What findings say, in English and Korean."""

from collections.abc import Mapping
from typing import Final

from opstwin.control.diagnosing_cluster_words import CLUSTER

_TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "crash_loop": (
        "{name} ends by itself again and again: {count} times, last with exit code {code}{meaning}. Its log says why.",
        "{name}이(가) 스스로 반복해서 종료됩니다: {count}회, 마지막 종료 코드 {code}{meaning}. 로그를 확인하세요.",
    ),
    "crash_loop_silent": (
        "{name} ends by itself again and again: {count} times. Its log says why.",
        "{name}이(가) 스스로 반복해서 종료됩니다: {count}회. 로그에서 이유를 확인하세요.",
    ),
    "out_of_memory": (
        "{name} was killed {count} time(s) because it needed more than its limit of {limit} of memory.",
        "{name}이(가) 메모리 한도 {limit}을(를) 넘어 {count}회 강제 종료되었습니다.",
    ),
    "out_of_memory_unlimited": (
        "{name} was killed {count} time(s) because memory ran out. It has no limit, so the target had none left.",
        "{name}이(가) 메모리 부족으로 {count}회 강제 종료되었습니다. 한도가 없으므로 대상의 메모리가 부족했습니다.",
    ),
    "unhealthy": (
        "{name} runs, but its health check fails.",
        "{name}이(가) 실행 중이지만 상태 검사가 실패합니다.",
    ),
    "restart_storm": (
        "{name} was started {count} times in {minutes} minutes, not after crashes and not by Opstwin.",
        "{name}이(가) {minutes}분 안에 {count}회 시작되었습니다. 비정상 종료나 Opstwin 때문이 아닙니다.",
    ),
    "restart_storm_target": (
        "{count} containers on {target} were started several times in {minutes} minutes, not by Opstwin.",
        "{target}에서 컨테이너 {count}개가 {minutes}분 안에 여러 번 시작되었습니다. Opstwin이 한 것이 아닙니다.",
    ),
    "image_missing": (
        "Image {image} is not on {target}, so {name} cannot be started there until it is fetched.",
        "이미지 {image}이(가) {target}에 없어, 가져오기 전에는 {name}을(를) 시작할 수 없습니다.",
    ),
    "image_missing_runs": (
        "{name} runs, but its image {image} is no longer on {target}: it could not be made again without fetching it.",
        "{name}은(는) 실행 중이지만 이미지 {image}이(가) {target}에 더 이상 없어, 다시 만들려면 가져와야 합니다.",
    ),
    "image_missing_wanted": (
        "{name} runs another image. {image}, which it should run, is not on {target}: it would have to be fetched.",
        "{name}은(는) 다른 이미지로 실행 중입니다. 실행해야 할 이미지 {image}이(가) {target}에 없어 가져와야 합니다.",
    ),
    "port_conflict": (
        "{name} cannot run: port {port} of the host is held by {holder}.",
        "{name}을(를) 실행할 수 없습니다. 호스트 포트 {port}을(를) {holder}이(가) 사용 중입니다.",
    ),
    "port_conflict_outside": (
        "{name} cannot run: the engine says that a port of the host is taken by a program that is no container here.",
        "{name}을(를) 실행할 수 없습니다. 호스트 포트를 컨테이너가 아닌 프로그램이 사용 중이라고 엔진이 알렸습니다.",
    ),
    "orphaned_volume": (
        "Volume {name} was made by Opstwin and nothing uses it. Its data is kept until a person decides.",
        "볼륨 {name}은(는) Opstwin이 만들었고 아무도 사용하지 않습니다. 사람이 결정할 때까지 데이터를 보관합니다.",
    ),
    "orphaned_volume_kept": (
        "Volume {name} was kept with its data when {workload} was taken down. Deploying {workload} again uses it.",
        "볼륨 {name}은(는) {workload}을(를) 내릴 때 데이터와 함께 보관되었습니다. 다시 배포하면 사용됩니다.",
    ),
    "unused_volumes": (
        "{count} volume(s) on {target} that Opstwin did not make are used by no container. It never touches them.",
        "{target}에 Opstwin이 만들지 않은 볼륨 {count}개를 사용하는 컨테이너가 없습니다. Opstwin은 건드리지 않습니다.",
    ),
    "drift_missing": ("{name} should exist, and does not.", "{name}이(가) 있어야 하지만 없습니다."),
    "drift_stopped": ("{name} should run, and is stopped.", "{name}이(가) 실행되어야 하지만 멈춰 있습니다."),
    "drift_changed": ("{name} is not as it should be in {fields}.", "{name}의 {fields}이(가) 원하는 상태와 다릅니다."),
    "drift_extra": ("{name} should not exist, and does.", "{name}이(가) 없어야 하지만 있습니다."),
    "stale_observation": (
        "{count} resource(s) on {target} were last looked at up to {minutes} minutes ago: what is shown may be wrong.",
        "{target}의 리소스 {count}개를 길게는 {minutes}분 전에 관찰했습니다. 표시된 내용이 틀릴 수 있습니다.",
    ),
    "never_observed": (
        "{count} wanted resource(s) on {target} were never looked at: nobody knows whether they are there.",
        "{target}의 원하는 리소스 {count}개를 관찰한 적이 없어, 있는지 알 수 없습니다.",
    ),
    "expired_approval": (
        "Plan {plan} was approved, and the approval ran out before it was applied: {request}",
        "계획 {plan}은(는) 승인되었지만 적용 전에 승인이 만료되었습니다: {request}",
    ),
    "expired_plan": (
        "Plan {plan} ran out before it was decided and applied: {request}",
        "계획 {plan}은(는) 결정되고 적용되기 전에 만료되었습니다: {request}",
    ),
    "target_away": (
        "{target} does not answer. What runs there is unknown ({count} resources), and nothing is changed there.",
        "{target}이(가) 응답하지 않습니다. 그곳의 상태를 알 수 없어(리소스 {count}개) 아무것도 변경하지 않습니다.",
    ),
    "healing_paused": (
        "{name} was healed {count} times within {minutes} minutes and changed back each time, so healing is paused.",
        "{name}을(를) {minutes}분 안에 {count}회 복구했지만 매번 되돌려져 복구를 멈췄습니다.",
    ),
    **CLUSTER,
    "nothing": ("Nothing is wrong as far as the twin can tell.", "트윈이 아는 한 문제가 없습니다."),
    "found": ("{count} finding(s): {parts}.", "발견 {count}건: {parts}."),
    "doubts": (
        " {count} thing(s) could not be told, because nobody can see them now.",
        " 지금 볼 수 없어 알 수 없는 것이 {count}건 있습니다.",
    ),
}

SEVERITIES: Final[Mapping[str, tuple[str, str]]] = {
    "critical": ("critical", "심각"),
    "warning": ("warning", "경고"),
    "notice": ("notice", "참고"),
}


def said(key: str, language: str = "en", **values: object) -> str:
    """The text of that name in `language` (`en` or `ko`; anything else is English)."""
    english, korean = _TEXTS[key]
    return (korean if language == "ko" else english).format(**values)


def severity_word(name: str, language: str = "en") -> str:
    """A severity as people call it."""
    english, korean = SEVERITIES[name]
    return korean if language == "ko" else english
