"""What was read of a request about scaling by use."""

from opstwin.domain.ask import Scaling
from opstwin.intent.clauses import Draft


def scaling_of(draft: Draft, family: str) -> Scaling | None:
    """What was said about scaling by use, None when nothing was. Raises `InvalidInput` for bounds that cannot be."""
    least, most, percent = draft.one("least"), draft.one("most"), draft.one("percent")
    if family != "autoscale" and "autoscale" not in draft.marks:
        return None
    scaling = Scaling(
        minimum=None if least is None else int(least),
        maximum=None if most is None else int(most),
        cpu_percent=None if percent is None else int(percent.removesuffix("%")),
    )
    scaling.over(None)
    return scaling
