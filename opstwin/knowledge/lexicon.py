"""Words of operations that mean the same, in English and Korean; a query in one language finds records in the other.

What people call their services by is open; this holds what they are for, what they are written in, and the usual
trades. A word that is not here is matched as it is written.
"""

from collections.abc import Mapping
from typing import Final

PURPOSES: Final[Mapping[str, str]] = {
    "web": "web website frontend site homepage storefront landing nginx httpd caddy 웹 사이트 프런트 프론트 홈페이지",
    "api": "api apis backend rest grpc graphql endpoint 백엔드 에이피아이",
    "worker": "worker workers queue job jobs consumer background batch celery sidekiq 워커 배치 큐 소비자 백그라운드",
    "db": "db database databases postgres postgresql mysql mariadb mongo sql 데이터베이스 디비 포스트그레스",
    "cache": "cache caches caching redis memcached valkey 캐시 레디스 캐싱",
}
"""What a service is for → the words that say so."""

LANGUAGES: Final[Mapping[str, str]] = {
    "node": "node nodejs javascript typescript express nextjs 노드 자바스크립트 타입스크립트",
    "python": "python django flask fastapi 파이썬 장고 플라스크",
    "go": "go golang 고랭 고언어",
    "java": "java jvm spring springboot kotlin 자바 스프링",
}
"""What it is written in → the words that say so."""

_TRADES: Final[Mapping[str, str]] = {
    "payment": "payment payments pay billing invoice invoices checkout 결제 청구",
    "order": "order orders 주문",
    "search": "search searching lookup 검색",
    "account": "account accounts user users member members customer customers profile 사용자 회원 고객 계정 프로필",
    "login": "login auth authentication identity oauth 로그인 인증",
    "picture": "image images picture pictures photo photos thumbnail thumbnails 이미지 사진 썸네일",
    "notice": "notification notifications notify alert alerts push 알림 통지",
    "mail": "mail mailer email emails smtp newsletter 메일 이메일",
    "report": "report reports reporting analytics statistics 보고서 리포트 통계 분석",
    "chat": "chat chats message messages messenger 채팅 메시지 대화",
    "cart": "cart basket 장바구니",
    "stock": "stock inventory warehouse 재고 창고",
    "delivery": "shipping delivery parcel parcels courier 배송 배달 택배",
    "recommend": "recommend recommendation recommendations suggestions 추천",
    "review": "review reviews rating ratings comment comments 리뷰 평점 댓글 후기",
    "video": "video videos stream streaming transcode transcoding 영상 동영상 비디오 스트리밍",
    "file": "file files upload uploads attachment attachments document documents 파일 업로드 첨부 문서",
    "map": "map maps geo location locations 지도 위치",
    "coupon": "coupon coupons voucher vouchers discount 쿠폰 할인",
    "booking": "booking bookings reservation reservations calendar schedule appointment 예약 일정 캘린더",
    "blog": "blog posts article articles news 블로그 기사 뉴스",
    "game": "game games score scores leaderboard 게임 점수 순위",
    "session": "session sessions 세션",
    "product": "product products catalog catalogue item items 상품 제품 카탈로그",
    "price": "price prices pricing quote quotes 가격 요금 견적",
    "memory": "oom memory 메모리",
    "failed": "failed failing rollback rolled crash crashed 실패 롤백",
}


def _by_word() -> dict[str, str]:
    groups = {**PURPOSES, **LANGUAGES, **_TRADES}
    return {word: name for name, words in groups.items() for word in words.split()}


MEANS: Final[Mapping[str, str]] = _by_word()
"""Word → the one name that stands for it and its like."""
