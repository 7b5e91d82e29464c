"""Right-sizing in words, with what stands behind it."""

from typing import Final

from opstwin.domain.right_sizing import MI, Advice, Silence

_DAY_S: Final = 86_400
_HOUR_S: Final = 3_600

_SILENT: Final = {
    Silence.FEW: (
        "Right-sizing of {name}: cannot tell yet, {samples} measurements in {period} are fewer than 100.",
        "{name}의 적정 크기: 아직 알 수 없습니다. {period} 동안의 측정 {samples}개는 100개보다 적습니다.",
    ),
    Silence.NONE: (
        "Right-sizing of {name}: cannot tell, nothing was measured.",
        "{name}의 적정 크기: 측정한 것이 없어 알 수 없습니다.",
    ),
    Silence.OWNED: (
        "Right-sizing of {name}: an autoscaler decides on its CPU and memory.",
        "{name}의 적정 크기: CPU와 메모리는 오토스케일러가 정합니다.",
    ),
}
_CPU: Final = (
    "request {cpu}m CPU (95th percentile) without a CPU limit",
    "CPU 요청 {cpu}m(95번째 백분위), CPU 제한 없음",
)
_CPU_OWNED: Final = ("CPU is an autoscaler's", "CPU는 오토스케일러가 정함")
_MEMORY: Final = (
    "a memory limit of {memory} MiB (peak × {factor}{oom})",
    "메모리 제한 {memory} MiB(최대 × {factor}{oom})",
)
_MEMORY_OWNED: Final = ("memory is an autoscaler's", "메모리는 오토스케일러가 정함")
_AFTER: Final = (", after {kills} kills for memory", ", 메모리 부족 종료 {kills}회 후")
_BEHIND: Final = (
    "Right-sizing of {name}: {parts}; from {samples} measurements over {period}.",
    "{name}의 적정 크기: {parts}. {period} 동안의 측정 {samples}개 기준.",
)


def sizing_text(name: str, advice: Advice, language: str = "en") -> str:
    """One sentence: what to request and how many measurements over how long stand behind it, or why nothing is told."""
    place = 1 if language == "ko" else 0
    values = {"name": name, "samples": f"{advice.samples:,}", "period": period_text(advice.period_s, language)}
    if advice.silent is not None:
        return _SILENT[advice.silent][place].format(**values)
    return _BEHIND[place].format(**values, parts=", ".join(_parts(advice, place)))


def _parts(advice: Advice, place: int) -> list[str]:
    oom = _AFTER[place].format(kills=advice.oom_events) if advice.oom_events else ""
    cpu = _CPU_OWNED[place] if advice.cpu_request is None else _CPU[place].format(cpu=advice.cpu_request)
    if advice.memory_limit is None:
        return [cpu, _MEMORY_OWNED[place]]
    return [cpu, _MEMORY[place].format(memory=advice.memory_limit // MI, factor=advice.factor, oom=oom)]


def period_text(seconds: float, language: str = "en") -> str:
    """`7 days`, `5 h`, `12 min`, in whole units rounded down."""
    days, hours, minutes = int(seconds // _DAY_S), int(seconds // _HOUR_S), int(seconds // 60)
    if language == "ko":
        return f"{days}일" if days >= 1 else f"{hours}시간" if hours >= 1 else f"{minutes}분"
    if days >= 1:
        return f"{days} day{'s' if days > 1 else ''}"
    return f"{hours} h" if hours >= 1 else f"{minutes} min"
