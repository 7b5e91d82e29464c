"""Korean: the words and endings that are known."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from opstwin.intent.clauses import Unit

_HADA: Final[Mapping[str, str]] = {
    "deploy": "배포 생성 디플로이",
    "run": "실행",
    "scale": "스케일 스케일링 스케일업 스케일다운 스케일아웃 스케일인 확장 축소",
    "upgrade": "업그레이드 다운그레이드",
    "change": "업데이트 갱신 변경 교체 수정 조정 설정 지정 제한",
    "unset": "해제",
    "restart": "재시작 재기동 재부팅 리스타트 다시시작",
    "stop": "중지 정지 중단 종료",
    "start": "시작 기동 가동",
    "delete": "삭제 제거",
    "rollback": "롤백 원복",
    "expose": "노출 공개 개방 오픈",
    "add": "추가",
    "autoscale": "자동확장 자동스케일링 오토스케일링 오토스케일",
    "move": "이동 마이그레이션",
    "copy": "복사",
}
"""Nouns that become verbs with 하다."""

_OTHER: Final[Mapping[str, str]] = {
    "deploy": "띄워",
    "scale": "늘려 줄여 올려 낮춰",
    "change": "바꿔 바꾸어 맞춰",
    "stop": "멈춰 꺼",
    "start": "켜",
    "restart": "다시켜",
    "delete": "지워 없애",
    "rollback": "되돌려",
    "expose": "열어",
    "move": "옮겨",
}
"""Verbs in the form that takes 주다."""

_ASKED: Final = ("어", "어요", "나", "나요", "니", "을까", "을까요", "습니까")
_GIVES: Final = (
    "줘 줘요 주세요 주십시오 주시죠 주라 줄래 줄래요 주실래 주실래요 주시겠어요 주시겠습니까 주겠어 주겠어요 주겠니"
)
_GIVE: Final = (
    "",
    *_GIVES.split(),
    *(f"줄수있{end}" for end in _ASKED),
    *(f"주실수있{end}" for end in _ASKED),
)
_DO: Final = (
    "",
    "해",
    "해라",
    "해요",
    "하자",
    "하기",
    "하세요",
    "하십시오",
    "할것",
    "하고싶어",
    "하고싶어요",
    "하고싶습니다",
    "하려고해",
    "하려고해요",
    "하려고합니다",
    "해야해",
    "해야돼",
    "해야해요",
    "합시다",
    "부탁",
    "부탁해",
    "부탁해요",
    "부탁합니다",
    "부탁드려요",
    "부탁드립니다",
    *(f"해{word}" for word in _GIVE[1:]),
    *(f"시켜{word}" for word in _GIVE),
)

_WORDS: Final[Mapping[str, str]] = {
    "OBJ": "을 를",
    "SUBJ": "이 가 은 는",
    "TO": "으로 로",
    "AT": "에",
    "IN": "에서",
    "GEN": "의",
    "AND": "와 과 하고 이고 랑 이랑 및 그리고",
    "ALSO": "도 까지도",
    "UNTIL": "까지",
    "TOGETHER": "함께 같이 포함 포함해 포함해서 포함하여",
    "CALLED": "이라는 라는 이란 란",
    "NAME": "이름",
    "REPLICAS": "복제본 레플리카 인스턴스 복제",
    "HOW_MANY": "수 개수 갯수",
    "COUNT": "개 대",
    "PORT": "포트",
    "ORDINAL": "번",
    "MEMORY": "메모리 램",
    "CPU": "시피유 씨피유 코어",
    "LIMIT": "한도 상한 제한을 제한은",
    "ENV": "환경변수 변수",
    "VALUE": "값",
    "IMAGE": "이미지",
    "VERSION": "버전",
    "VOLUME": "볼륨",
    "DATA": "데이터",
    "TARGET": "타깃 타겟 대상 서버 클러스터",
    "WORKLOAD": "워크로드 서비스 컨테이너 앱",
    "LAST": "마지막변경 마지막변경사항 최근변경 최근변경사항 직전변경 직전변경사항 마지막배포",
    "PREVIOUS": "이전버전 이전상태 직전버전 직전상태",
    "LEAST": "최소",
    "MOST": "최대",
    "PERCENT": "퍼센트",
    "USE": "사용률 사용량",
    "BASIS": "기준",
    "COMPOSE": "컴포즈 도커컴포즈",
    "PROJECT": "프로젝트",
    "NOISE": "좀 지금 바로 당장 제발 그 이제",
}
ASCII_WORDS: Final[Mapping[str, str]] = {
    "cpu": "CPU", "memory": "MEMORY", "env": "ENV", "port": "PORT", "image": "IMAGE", "volume": "VOLUME",
    "compose": "COMPOSE",
}  # fmt: skip
_NUMBERS: Final = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열")
_ALONE: Final = ("하나", "둘", "셋", "넷")


def _verbs() -> Iterator[tuple[str, str]]:
    for family, words in _HADA.items():
        for word in words.split():
            particle = "을" if (ord(word[-1]) - 0xAC00) % 28 else "를"
            for ending in _DO:
                yield word + ending, family
                yield f"{word}좀{ending}" if ending else word, family
                yield f"{word}{particle}{ending}" if ending else word, family
    for family, words in _OTHER.items():
        for word in words.split():
            for ending in _GIVE:
                yield word + ending, family


@cache
def lexicon() -> Mapping[str, tuple[Unit, ...]]:
    """What each known word is, made of; 14,000 words, so they are made when the first Korean is read."""
    known: dict[str, tuple[Unit, ...]] = {
        word: (Unit(word, kind),) for kind, words in _WORDS.items() for word in words.split()
    }
    for index, word in enumerate(_NUMBERS, 1):
        for counter in ("개", "대"):
            known[word + counter] = (Unit(str(index)), Unit(counter, "COUNT"))
    for index, word in enumerate(_ALONE, 1):
        known[word] = (Unit(str(index)), Unit("개", "COUNT"))
    known |= {word: (Unit(word, f"VERB {family}"),) for word, family in _verbs()}
    return known | {word: (Unit(word, "AUTOSCALING"),) for word in _HADA["autoscale"].split()}


STEMS: Final[Mapping[str, str]] = {
    word: family for family, words in (*_HADA.items(), *_OTHER.items()) for word in words.split()
}
"""The verbs without their endings."""

VERB_WORDS: Final = tuple(sorted(word for words in (*_HADA.values(), *_OTHER.values()) for word in words.split()))


@cache
def longest() -> int:
    """Letters of the longest known word."""
    return max(map(len, lexicon()))
