"""The fixed words of the HTML pages, in English and Korean."""

import re
from collections.abc import Mapping
from typing import Final

WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": ("Waiting for a decision", "결정을 기다리는 계획"),
    "nothing_waits": ("Nothing waits for you.", "기다리는 계획이 없습니다."),
    "ask_for": ("Ask for a change on the command line:", "명령줄에서 변경을 요청하세요:"),
    "commands": ("On the command line", "명령줄 사용법"),
    "see": ("See what runs", "실행 중인 것 보기"),
    "plan": ("Plan a change", "변경 계획하기"),
    "decide": ("Decide here, or there", "여기 또는 명령줄에서 결정하기"),
    "apply": ("Apply what was approved", "승인된 계획 적용하기"),
    "history": ("See what was done", "지난 기록 보기"),
    "signed_in": ("Signed in as", "로그인:"),
    "sign_out": ("Sign out", "로그아웃"),
    "sign_in": ("Sign in", "로그인"),
    "sign_in_how": (
        "Open the link that opstwin up printed; it works once, for ten minutes. For a new one run: opstwin login",
        "opstwin up이 출력한 링크를 여세요. 한 번만, 10분 동안 쓸 수 있습니다. 새 링크: opstwin login",
    ),
    "try_again": ("I am signed in: try again", "이미 로그인했습니다: 다시 시도"),
    "welcome": ("You are signed in.", "로그인되었습니다."),
    "go_on": ("Go on", "계속"),
    "link_used": ("This link does not work (any more).", "이 링크는 사용할 수 없습니다."),
    "plan_on": ("Plan for {target}", "{target} 계획"),
    "what_happens": ("What will happen", "일어날 일"),
    "from_diff": (
        "Shown from the changes themselves; nothing that anybody wrote about them is shown here.",
        "변경 내용 자체만 표시합니다. 누군가가 덧붙인 설명은 표시하지 않습니다.",
    ),
    "to_know": ("Good to know", "알아 둘 점"),
    "tainted": (
        "This request repeats text that others wrote. Make sure that it is what you want.",
        "이 요청에는 다른 곳에서 온 텍스트가 그대로 들어 있습니다. 정말 원하는 변경인지 확인하세요.",
    ),
    "read_in": ("{text} was read in {source}", "{text}: {source}에서 읽음"),
    "requested_by": ("Requested by", "요청자"),
    "set_directly_by": ("Set directly, without a plan, by", "계획 없이 직접 설정한 사람"),
    "on_behalf_of": ("for {human}", "{human} 대신"),
    "kind_person": ("person", "사람"),
    "kind_agent": ("agent", "에이전트"),
    "kind_schedule": ("the hub itself", "허브"),
    "created": ("Made", "작성"),
    "expires": ("Expires", "만료"),
    "digest": ("Digest", "다이제스트"),
    "state": ("State", "상태"),
    "who": ("Who must approve", "승인할 사람"),
    "anybody": ("{count} person", "{count}명"),
    "other": ("{count} person other than the requester", "요청자가 아닌 {count}명"),
    "decisions": ("Decisions", "결정 내역"),
    "approve_done": ("approved", "승인"),
    "reject_done": ("rejected", "거절"),
    "reason": ("Reason", "이유"),
    "reason_hint": ("Kept in the audit", "감사 기록에 남습니다"),
    "confirm": (
        "This cannot be undone. Type {target} to approve",
        "되돌릴 수 없습니다. 승인하려면 {target}을(를) 입력하세요",
    ),
    "confirm_wrong": ("The name of the target does not match.", "대상 이름이 일치하지 않습니다."),
    "approve": ("Approve", "승인"),
    "reject": ("Reject", "거절"),
    "not_you": (
        "You asked for this, so somebody else must approve it. You can reject it.",
        "요청한 사람은 승인할 수 없습니다. 거절은 할 수 있습니다.",
    ),
    "people_decide": (
        "Only a person with the scope plan:approve can decide.",
        "plan:approve 권한이 있는 사람만 결정할 수 있습니다.",
    ),
    "decided": (
        "This plan is {state}; there is nothing to decide.",
        "이 계획은 {state} 상태이므로 결정할 것이 없습니다.",
    ),
    "expired": ("This plan is too old to decide on. Plan again.", "이 계획은 너무 오래되었습니다. 다시 계획하세요."),
    "next_apply": ("Approved. Apply it:", "승인되었습니다. 적용하려면:"),
    "moved": (
        "What it stands on has changed since it was made, so it cannot run any more. Plan again.",
        "계획을 만든 뒤 대상이 바뀌어 이 계획은 실행할 수 없습니다. 다시 계획하세요.",
    ),
    "nothing_here": ("There is nothing at this address.", "이 주소에는 아무것도 없습니다."),
    "no_plan": ("There is no such plan.", "그런 계획이 없습니다."),
    "more": ("and {count} more", "외 {count}개"),
    "back": ("All plans", "모든 계획"),
    "risk": ("Risk", "위험도"),
    "went_wrong": ("It was not done", "처리되지 않았습니다"),
    "risk_none": ("none", "없음"),
    "risk_low": ("low", "낮음"),
    "risk_high": ("high", "높음"),
    "risk_destructive": ("destructive", "파괴적"),
    "state_pending": ("waiting", "대기 중"),
    "state_approved": ("approved", "승인됨"),
    "state_rejected": ("rejected", "거절됨"),
    "state_applying": ("applying", "적용 중"),
    "state_applied": ("applied", "적용됨"),
    "state_rolled_back": ("rolled back", "롤백됨"),
    "state_failed": ("failed", "실패"),
    "state_stale": ("stale", "무효"),
}  # fmt: skip

_LANGUAGE: Final = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?))?\s*")


def language_of(accept: str) -> str:
    """`ko` when the reader prefers Korean to English, else `en` (the header Accept-Language, RFC 9110)."""
    best: dict[str, tuple[float, int]] = {}
    for place, part in enumerate(accept.split(",")[:20]):
        found = _LANGUAGE.fullmatch(part)
        if found and found[1].lower() in ("en", "ko") and float(found[2] or 1) > 0:
            word = found[1].lower()
            best[word] = max(best.get(word, (0.0, 0)), (float(found[2] or 1), -place))
    return "ko" if "ko" in best and best["ko"] > best.get("en", (0.0, 0)) else "en"


def words(key: str, language: str, **values: object) -> str:
    """The text of that name in a language."""
    english, korean = WORDS[key]
    return (korean if language == "ko" else english).format(**values)
