"""What people see of a turn's calls: what each one does, and what it came to, in the language of the conversation."""

from collections.abc import Mapping
from typing import Any, Final

from opstwin.agent.failing import told_error
from opstwin.agent.telling import told
from opstwin.errors import OpstwinError
from opstwin.tools.registry import AnyTool

_KOREAN: Final[Mapping[str, str]] = {
    "approvals_list": "결정을 기다리는 계획", "audit_list": "감사 기록 읽기", "audit_verify": "감사 기록 검증",
    "diagnose": "진단", "discover": "타깃 살펴보기", "discover_endpoint": "주소에 무엇이 있는지 확인",
    "drift_explain": "드리프트 설명", "execution_get": "실행 보기", "history_search": "지난 배포",
    "logs_search": "로그 검색", "metrics_query": "측정값 조회", "plan_apply": "승인된 계획 적용",
    "plan_create": "계획 세우기", "plan_show": "계획 보기", "rollback_plan": "되돌리는 계획",
    "run_create": "배포 실행 준비", "target_test": "타깃 점검", "targets_list": "타깃 목록",
    "twin_get": "트윈 항목 보기", "twin_query": "돌고 있는 것 조회", "usage": "사용량 보기",
    "workload_get": "워크로드 보기",
}  # fmt: skip

_LIKE: Final = {"plan_create": "plan_show", "rollback_plan": "plan_show", "plan_apply": "execution_get"}
"""Tools whose answers have the form of another one's."""


def title_of(tool: AnyTool, language: str) -> str:
    """What a call of this tool does, in a few words."""
    return _KOREAN.get(tool.name, tool.title) if language == "ko" else tool.title


def outcome_of(tool: AnyTool, data: Mapping[str, Any], text: str, language: str) -> str:
    """What a call came to: `text`, or in Korean its own words where there are such, and else a line before it."""
    if language != "ko":
        return text
    own = told(_LIKE.get(tool.name, tool.name), data, language)
    if tool.name == "diagnose":
        return f"발견한 문제 {len(data.get('items', ()))}건.\n{own}"
    return own or f"{_counted(data)}\n{text}"


def failure_of(error: OpstwinError, text: str, language: str) -> str:
    """What went wrong with a call."""
    return told_error(error, language) if language == "ko" else text


def _counted(data: Mapping[str, Any]) -> str:
    if isinstance(data.get("items"), list | tuple):
        return f"{len(data['items']) + len(data.get('exceptions') or ())}개를 찾았습니다."
    return "끝났습니다."
