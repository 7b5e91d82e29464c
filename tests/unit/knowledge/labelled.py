"""The labelled retrieval set: 132 records of one house, 80 questions in English and Korean, and what answers each.

Questions say things in other words than the records do. Of half the trades the records are described in English, of
the others in Korean, and each trade is asked for in both.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from opstwin.domain.deployment import Deployment
from opstwin.domain.values import ExecutionId, PlanId, TargetId
from opstwin.domain.workload import Port, Workload
from opstwin.knowledge.cases import Case
from opstwin.knowledge.curated import curated

TENANT: Final = "hub"
_AT: Final = datetime(2026, 10, 1, tzinfo=UTC)
_LANGUAGES: Final = ("node", "python", "go", "java")


@dataclass(frozen=True)
class Question:
    """What is asked, and the ids of the records that answer it."""

    text: str
    answers: frozenset[str]


@dataclass(frozen=True)
class Trade:
    """One line of business: how its services are called and described, and three questions.

    A question is (words, purpose, whether the language of the record is put before them).
    """

    short: str
    described: str
    questions: tuple[tuple[str, str], ...]


TRADES: Final = (
    Trade("pay", "charges credit cards and books billing records", (
        ("the backend that takes payments", "api"), ("결제 백엔드", "api"), ("웹 결제 페이지", "web"))),
    Trade("ord", "주문을 받아 처리합니다", (
        ("the order endpoint", "api"), ("주문 처리 배치", "worker"), ("site where orders are placed", "web"))),
    Trade("find", "full text search over the catalogue", (
        ("검색 API", "api"), ("background indexing for search", "worker"), ("search page frontend", "web"))),
    Trade("acct", "회원 프로필을 관리합니다", (
        ("member profile rest service", "api"), ("회원 정보 데이터베이스", "db"), ("customer web pages", "web"))),
    Trade("gate", "signs people in, identity and oauth", (
        ("로그인 백엔드", "api"), ("login page", "web"), ("인증 워커", "worker"))),
    Trade("thumb", "사진의 썸네일을 만듭니다", (
        ("resizes pictures in the background", "worker"), ("이미지 API", "api"), ("photo gallery site", "web"))),
    Trade("ping", "sends push alerts to phones", (
        ("알림 보내는 워커", "worker"), ("notification rest endpoint", "api"), ("알림 큐 캐시", "cache"))),
    Trade("post", "이메일 뉴스레터를 보냅니다", (
        ("newsletter mail queue consumer", "worker"), ("메일 백엔드", "api"), ("email campaign website", "web"))),
    Trade("rep", "monthly statistics as pdf", (
        ("보고서 만드는 배치 작업", "worker"), ("analytics dashboard frontend", "web"), ("report api", "api"))),
    Trade("talk", "실시간 대화 메시지를 주고받습니다", (
        ("messenger backend", "api"), ("채팅 웹", "web"), ("cache for chat messages", "cache"))),
    Trade("bag", "keeps the basket of a visitor", (
        ("장바구니 캐시", "cache"), ("cart api", "api"), ("장바구니 페이지", "web"))),
    Trade("inv", "창고의 재고 수량을 셉니다", (
        ("warehouse inventory database", "db"), ("재고 API", "api"), ("stock sync job", "worker"))),
    Trade("ship", "tracks parcels of the courier", (
        ("배송 조회 웹사이트", "web"), ("delivery tracking api", "api"), ("택배 상태 워커", "worker"))),
    Trade("reco", "상품 추천 목록을 만듭니다", (
        ("recommendations nightly in batch", "worker"), ("추천 백엔드", "api"), ("suggestions cache", "cache"))),
    Trade("stars", "ratings and comments of customers", (
        ("리뷰 데이터베이스", "db"), ("review backend", "api"), ("후기 웹 페이지", "web"))),
    Trade("clip", "동영상을 변환합니다", (
        ("video transcoding worker", "worker"), ("영상 스트리밍 API", "api"), ("streaming site", "web"))),
    Trade("drop", "takes uploads of attachments", (
        ("파일 업로드 백엔드", "api"), ("scan uploaded files in a job", "worker"), ("문서 업로드 사이트", "web"))),
    Trade("geo", "지도 위의 위치를 찾습니다", (
        ("map backend for locations", "api"), ("위치 캐시", "cache"), ("interactive map frontend", "web"))),
    Trade("promo", "vouchers with a discount", (
        ("쿠폰 API", "api"), ("coupon website", "web"), ("할인 쿠폰 배치", "worker"))),
    Trade("cal", "예약 일정을 관리합니다", (
        ("reservation database", "db"), ("예약 백엔드", "api"), ("appointment booking site", "web"))),
    Trade("ink", "publishes articles and news", (
        ("블로그 웹사이트", "web"), ("article rest api", "api"), ("뉴스 데이터베이스", "db"))),
    Trade("arena", "게임 점수와 순위", (
        ("leaderboard cache", "cache"), ("게임 백엔드", "api"), ("scores website", "web"))),
    Trade("shelf", "the catalogue of items that are sold", (
        ("상품 데이터베이스", "db"), ("product api", "api"), ("제품 소개 사이트", "web"))),
    Trade("quote", "견적과 요금을 계산합니다", (
        ("pricing backend", "api"), ("가격 계산 워커", "worker"), ("price cache", "cache"))),
)  # fmt: skip

_STORES: Final = {"db": ("postgres", "17.2", 5432), "cache": ("redis", "7.4.1", 6379)}


def _wants(trade: Trade) -> list[str]:
    """The purposes of a trade's five records: web, two kinds of api, worker, and a store."""
    asked = {purpose for _, purpose in trade.questions}
    return ["web", "api", "api", "worker", "db" if "db" in asked else "cache"]


def records() -> list[Case]:
    """All records, the curated ones first."""
    return [*curated(), *(case for place, trade in enumerate(TRADES) for case in _of(trade, place))]


def _of(trade: Trade, place: int) -> Iterator[Case]:
    for number, purpose in enumerate(_wants(trade)):
        language = "" if purpose in _STORES else _LANGUAGES[(place + number) % 4]
        image, tag, port = _STORES.get(
            purpose, (f"registry.example.com/house/{trade.short}{number}", f"1.{place}", 8080)
        )
        labels = {"description": trade.described}
        name = f"{trade.short}-{'abcde'[number]}"
        yield Case(
            deployment=Deployment(
                id=f"dep_{trade.short}{number}", service_name=name, image_name=image, image_tag=tag,
                service_type=purpose, language=language, replicas=1, target_cluster=TargetId("prod"),
                deployed_at=_AT + timedelta(hours=place * 5 + number), success=True, outcome="succeeded",
                plan_id=PlanId(f"plan_{trade.short}{number}"), execution_id=ExecutionId(""),
                workload=Workload(name=name, image=f"{image}:{tag}", ports=(Port(container=port),), labels=labels),
            ),
            tenant=TENANT,
        )  # fmt: skip


def questions() -> list[Question]:
    """All questions; every second one about an api says its language too, and then only one record answers."""
    found = []
    for place, trade in enumerate(TRADES):
        wanted = _wants(trade)
        for text, purpose in trade.questions:
            numbers = [number for number, kind in enumerate(wanted) if kind == purpose]
            if purpose == "api" and place % 2:
                said = _SAID[_LANGUAGES[(place + numbers[0]) % 4]][not text.isascii()]
                found.append(Question(f"{said} {text}", frozenset({f"dep_{trade.short}{numbers[0]}"})))
            else:
                found.append(Question(text, frozenset(f"dep_{trade.short}{number}" for number in numbers)))
    return [*found, *(Question(text, frozenset(answers)) for text, answers in _MISTYPED)]


_MISTYPED: Final = (
    ("credit crads backend", {"dep_pay1", "dep_pay2"}),
    ("catalouge searhc worker", {"dep_find3"}),
    ("newsleter website", {"dep_post0"}),
    ("recomendation backend api", {"dep_reco1", "dep_reco2"}),
    ("parcells courrier web", {"dep_ship0"}),
    ("attachmnts batch worker", {"dep_drop3"}),
    ("identiy oauht api", {"dep_gate1", "dep_gate2"}),
    ("statistcs montly report web", {"dep_rep0"}),
)
"""As people type."""


_SAID: Final = {
    "node": ("Express", "노드"), "python": ("FastAPI", "파이썬"), "go": ("Golang", "고랭"), "java": ("Spring", "자바"),
}  # fmt: skip
