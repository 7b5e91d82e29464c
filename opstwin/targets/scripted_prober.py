"""A prober that answers from a script, for tests and the simulator: same port, no network."""

from collections.abc import Mapping

from opstwin.domain.values import Json, canonical
from opstwin.targets.probing import Met, ProbeAnswer


class ScriptedProber:
    """Answers per URL; where nothing is scripted there is silence. `asked` are the URLs in turn."""

    def __init__(self, answers: Mapping[str, ProbeAnswer] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[str] = []

    async def get(self, url: str, timeout_s: float, *, by_person: bool) -> ProbeAnswer:
        self.asked.append(url)
        return self.answers.get(url, ProbeAnswer(met=Met.SILENT, reason=f"no answer within {timeout_s:g} s"))


def says(document: Json, status: int = 200) -> ProbeAnswer:
    """An answer with a JSON document."""
    return ProbeAnswer(met=Met.ANSWERED, status=status, body=canonical(document).encode())


REFUSED = ProbeAnswer(met=Met.REFUSED, reason="the connection was refused")
