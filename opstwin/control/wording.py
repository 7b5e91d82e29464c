"""What plans say in notes, in English and Korean."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

_HOLE: Final = re.compile(r"\\\{(\w+)\\\}")
TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "no_changes": (
        "No changes. What runs on {target} is as asked.",
        "변경 사항이 없습니다. {target}에서 실행 중인 것이 요청과 같습니다.",
    ),
    "exists": (
        "{name} is on {target} already: this plan makes it exactly what is asked; what is not named is taken away.",
        "{name}은(는) 이미 {target}에 있습니다. 이 계획은 요청한 그대로 바꾸며, 요청에 없는 설정은 제거합니다.",
    ),
    "volume_kept": (
        "Volume {name} and its data are kept.",
        "볼륨 {name}과(와) 그 데이터는 그대로 둡니다.",
    ),
    "volume_shared": (
        "Volume {name} is kept: {others} still uses it.",
        "볼륨 {name}은(는) {others}이(가) 아직 사용하므로 그대로 둡니다.",
    ),
    "used_as_is": (
        "{kind} {name} is there already and was not made by Opstwin: it is used as it is and never removed.",
        "{kind} {name}은(는) 이미 있으며 Opstwin이 만든 것이 아닙니다. 그대로 사용하고 제거하지 않습니다.",
    ),
    "image_missing": (
        "Image {image} is not on {target} yet: it is fetched while applying.",
        "이미지 {image}이(가) 아직 {target}에 없습니다. 적용하면서 가져옵니다.",
    ),
    "image_digest": (
        "Image {image} is {digest} at registry {registry} now.",
        "이미지 {image}은(는) 지금 레지스트리 {registry}에서 {digest}입니다.",
    ),
    "image_pinned": (
        "Image {image} is pinned to its digest: that very content runs, wherever the tag goes.",
        "이미지 {image}은(는) 다이제스트로 고정됩니다. 태그가 바뀌어도 같은 내용이 실행됩니다.",
    ),
    "image_unknown": (
        "The digest of image {image} is not known. {why}",
        "이미지 {image}의 다이제스트를 알 수 없습니다. {why}",
    ),
    "below_peak": (
        (
            "{name}: the memory limit {asked} is below the {peak} that it was measured to use at most ({samples} "
            "measurements): it would be killed for memory. It should have {advised}."
        ),
        (
            "{name}: 메모리 제한 {asked}은(는) 측정된 최대 사용량 {peak}보다 적습니다(측정 {samples}개). "
            "메모리 부족으로 종료될 수 있습니다. {advised}이(가) 알맞습니다."
        ),
    ),
    "below_kill": (
        "{name}: the memory limit {asked} is not more than the {killed} at which it was killed for memory before.",
        "{name}: 메모리 제한 {asked}은(는) 전에 메모리 부족으로 종료된 {killed}보다 많지 않습니다.",
    ),
    "below_p95": (
        (
            "{name}: the CPU limit {asked} is less than half of the {p95} that it uses at its busiest (95th percentile "
            "of {samples} measurements): it would be held back."
        ),
        (
            "{name}: CPU 제한 {asked}은(는) 가장 바쁠 때의 사용량 {p95}(측정 {samples}개의 95번째 백분위)의 "
            "절반도 안 됩니다. 느려질 수 있습니다."
        ),
    ),
    "set_left_out": (
        "{name}: {variables} as set directly by {people} is not part of this plan.",
        "{name}: {people}이(가) 직접 설정한 {variables}은(는) 이 계획에 들어 있지 않습니다.",
    ),
    "other_person": (
        "This is {risk} risk: somebody other than the requester must approve it.",
        "위험도: {risk}. 요청한 사람이 아닌 다른 사람이 승인해야 합니다.",
    ),
    "plain_secret": (
        "{name}: {variables} looks secret and is kept as plain text; give a reference in secret_env, such as env:NAME.",
        "{name}: {variables}은(는) 비밀 값으로 보이지만 평문으로 저장됩니다. secret_env에 env:NAME 같은 참조를 쓰세요.",
    ),
    "secret_unset": (
        (
            "{name}: the hub had no usable value for {references} when this was planned; set it before you apply "
            "(of a variable: start the hub again)."
        ),
        (
            "{name}: 계획할 때 허브에 {references}의 쓸 수 있는 값이 없었습니다. 적용하기 전에 설정하세요"
            "(변수라면 허브를 다시 시작하세요)."
        ),
    ),
    "also_on": (
        "{name} is on {places} too; name the target if another one is meant.",
        "{name}은(는) {places}에도 있습니다. 다른 대상이면 대상 이름을 말하세요.",
    ),
    "unknown_skipped": (
        "{name} is left alone: nobody can say whether it is there.",
        "{name}은(는) 있는지 알 수 없어 건드리지 않습니다.",
    ),
    "unhealthy_left": (
        "{name} is as desired but unhealthy; look at opstwin logs {name}, or ask for a restart.",
        "{name}은(는) 원하는 상태이지만 건강하지 않습니다. opstwin logs {name}을(를) 보거나 재시작을 요청하세요.",
    ),
    "command_once": (
        "A command has no way back: it runs once, and nothing of it is undone, whatever becomes of it.",
        "명령에는 되돌리는 방법이 없습니다. 한 번만 실행하며, 결과와 상관없이 아무것도 되돌리지 않습니다.",
    ),
    "defaults": (
        "{kind} {name}: the target fills in {fields}.",
        "{kind} {name}: 대상이 다음을 채웁니다. {fields}",
    ),
    "left_files": (
        "{names} of {application} stands no longer in the files and stays as it is. To take it away: --prune",
        "{application}의 {names}은(는) 이제 파일에 없지만 그대로 둡니다. 제거하려면 --prune",
    ),
    "back_to": (
        "Back to what ran before: {image}, {replicas} replica(s).",
        "이전에 실행되던 상태로 되돌립니다: {image}, 복제본 {replicas}개.",
    ),
    "fixed_number": (
        "{name} no longer scales by its use and has {replicas} replica(s); for another number: scale {name} to N.",
        "{name}은(는) 더 이상 사용량에 따라 늘지 않으며 복제본은 {replicas}개입니다.",
    ),
    "scales_itself": (
        "{name} scales by its use: this number holds only once that is stopped (stop autoscaling {name}).",
        "{name}은(는) 사용량에 따라 늘고 줄어듭니다. 이 개수는 자동 확장을 중지해야 적용됩니다.",
    ),
    "not_scaled": (
        "{name} keeps its number of replicas: {why}",
        "{name}의 복제본 수는 그대로입니다. {why}",
    ),
    "host_path_there": (
        "{name}: {path} is a folder of {source}; on {target} it is that machine's own folder of that path.",
        "{name}: {path}은(는) {source}의 폴더입니다. {target}에서는 그 기계의 같은 경로를 씁니다.",
    ),
    "data_stays": (
        "The data of {volumes} is not moved: it stays on {source}, and {target} begins with empty volumes.",
        "{volumes}의 데이터는 옮기지 않습니다. {source}에 남고 {target}에서는 빈 볼륨으로 시작합니다.",
    ),
    "copy_stays": (
        "What runs on {source} stays there as it is.",
        "{source}에서 실행 중인 것은 그대로 둡니다.",
    ),
    "moved_next": (
        "Nothing is taken away on {source} by this plan. When it runs well on {target}, do: {steps}",
        "이 계획은 {source}에서 아무것도 제거하지 않습니다. {target}에서 잘 실행되면 다음을 실행하세요. {steps}",
    ),
    "not_restarted": (
        "{names} stays as it is: only Deployments, StatefulSets and DaemonSets can be restarted.",
        "{names}은(는) 그대로 둡니다. 다시 시작할 수 있는 것은 Deployment, StatefulSet, DaemonSet뿐입니다.",
    ),
    "back_to_nothing": (
        "Back to what was before: {name} did not exist.",
        "이전 상태로 되돌립니다: {name}은(는) 없었습니다.",
    ),
}


def worded(key: str, language: str = "en", **values: object) -> str:
    """The text of that name in `language` (`en` or `ko`; anything else is English)."""
    english, korean = TEXTS[key]
    return (korean if language == "ko" else english).format(**values)


def note_in(note: str, language: str) -> str:
    """A note that was written in English in `language` (`en` or `ko`); any other note stays as it is."""
    if language != "ko":
        return note
    found = ((pattern.fullmatch(note), korean) for pattern, korean in _patterns())
    return next((korean.format(**match.groupdict()) for match, korean in found if match is not None), note)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((re.compile(_pattern(english), re.DOTALL), korean) for english, korean in TEXTS.values())


def _pattern(english: str) -> str:
    """A name that comes twice must be the same twice."""
    seen: set[str] = set()

    def place(hole: re.Match[str]) -> str:
        again = hole[1] in seen
        seen.add(hole[1])
        return f"(?P={hole[1]})" if again else f"(?P<{hole[1]}>.+?)"

    return _HOLE.sub(place, re.escape(english))
