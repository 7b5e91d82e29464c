"""How containers of an image behave."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What happens to a container of an image.

    `start_s` passes between the start and readiness (with a readiness probe; without one it is ready at once when
    `start_s` is 0). With `pulls` False it is never there. `exits` is the code it ends with, `runs_s` after its start;
    `out_of_memory` makes that end an OOM kill. `ready` False never becomes ready, `alive` False is never alive (probe).
    `log` is what it says when it starts. `stop_s` is how long it takes to stop.
    """

    start_s: float = 1.0
    pulls: bool = True
    exits: int | None = None
    runs_s: float = 1.0
    out_of_memory: bool = False
    ready: bool = True
    alive: bool = True
    log: tuple[str, ...] = ("started",)
    stop_s: float = 0.5


USUAL = Image()
NEVER_PULLED = Image(pulls=False)


def behaviour(images: dict[str, Image], name: str) -> Image:
    """What is declared for an image; a name that ends in `:missing` or holds `never-pulls` is never there."""
    if name in images:
        return images[name]
    return NEVER_PULLED if name.endswith(":missing") or "never-pulls" in name else USUAL
