"""Why a change is as it is, in words: written in English into the plan, told in the reader's language.

The text in a plan is covered by its digest, so it stays as it was written. `told` finds out which text it is and says
the same in Korean; the names in it are data and stay as they are.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "data_lost": (
        "the data in volume {name} is lost and cannot be brought back",
        "볼륨 {name}의 데이터가 사라지며 되돌릴 수 없습니다",
    ),
    "content_lost": (
        "what is in {kind} {name} is lost with it and cannot be brought back",
        "{kind} {name}에 든 것도 함께 사라지며 되돌릴 수 없습니다",
    ),
    "nothing_runs": (
        "nothing of this workload keeps running",
        "이 워크로드에서 계속 실행되는 것이 없습니다",
    ),
    "not_ours": (
        "this container was not made by Opstwin; files written inside it are lost",
        "Opstwin이 만들지 않은 컨테이너입니다. 그 안에 쓴 파일은 사라집니다",
    ),
    "takes_over": (
        "it takes {field} over from {owner}, who set it last",
        "{owner}이(가) 마지막으로 정한 {field}을(를) 넘겨받습니다",
    ),
    "target_warns": (
        "the target says: {text}",
        "대상의 알림: {text}",
    ),
    "finding": (
        "check {rule}: {text}",
        "검사 {rule}: {text}",
    ),
    "hides_loss": (
        "an empty volume would hide that its data is gone",
        "빈 볼륨이 생기면 데이터가 사라진 것을 알 수 없게 됩니다",
    ),
    "host_access": (
        "it gains access to files of the host",
        "호스트의 파일에 접근할 수 있게 됩니다",
    ),
    "no_version": (
        "image {image} names no version, so what runs can change without a plan; give it a tag or a digest",
        "이미지 {image}에 버전이 없어 계획 없이도 실행 내용이 바뀔 수 있습니다. 태그나 다이제스트를 지정하세요",
    ),
    "hidden_words": (
        "the value of {names} is not shown, and could be run as a command",
        "{names}의 값은 표시되지 않으며 명령으로 실행될 수 있습니다",
    ),
    "many_changes": (
        "{count} changes at once are high risk together.",
        "한 번에 변경이 {count}개이므로 함께 보면 위험도가 높습니다.",
    ),
    "many_removed": (
        "With earlier plans this removes {removed} of {standing} resources.",
        "이전 계획과 합치면 자원 {standing}개 중 {removed}개를 제거합니다.",
    ),
    "only_desired": (
        "it is so already on the target; only the desired state changes",
        "대상에서는 이미 그러합니다. 원하는 상태만 바뀝니다",
    ),
    "not_in_place": (
        "{fields} cannot be changed in place",
        "{fields}은(는) 그 자리에서 바꿀 수 없습니다",
    ),
    "by_hand_lost": (
        "these settings made by hand are lost: {names}",
        "손으로 바꾼 다음 설정이 사라집니다: {names}",
    ),
    "value_unknown": (
        "the value of {names} is not known here, so it cannot be brought back",
        "{names}의 값을 알 수 없어 되돌릴 수 없습니다",
    ),
    "command": (
        "what a command does cannot be undone",
        "명령이 한 일은 되돌릴 수 없습니다",
    ),
    "command_any": (
        "{name} can run anything, and what it does cannot be undone",
        "{name}은(는) 무엇이든 실행할 수 있으며 한 일은 되돌릴 수 없습니다",
    ),
    "command_takes": (
        "what {name} takes away cannot be brought back",
        "{name}(으)로 없앤 것은 되돌릴 수 없습니다",
    ),
    "undoes": (
        "undoes a failed change",
        "실패한 변경을 되돌립니다",
    ),
}
_HOLE: Final = re.compile(r"\\\{(\w+)\\\}")


def reason(key: str, **values: object) -> str:
    """The text of that name in English, as plans keep it."""
    return TEXTS[key][0].format(**values)


def is_finding(text: str) -> bool:
    """Whether a reason is what a check on a manifest warned of."""
    return text.startswith(TEXTS["finding"][0].partition("{")[0])


def told(text: str, language: str) -> str:
    """A reason from a plan in `language` (`en` or `ko`); a text that is none of ours stays as it is."""
    if language != "ko":
        return text
    for pattern, korean in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            return korean.format(**found.groupdict())
    return text


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple(
        (re.compile(_HOLE.sub(r"(?P<\1>.+)", re.escape(english)), re.DOTALL), korean)
        for english, korean in TEXTS.values()
    )
