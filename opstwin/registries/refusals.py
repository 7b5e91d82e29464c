"""What is said when a registry does not give what was asked. Its own words are not repeated: they may hold secrets."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from opstwin.errors import Forbidden, LimitExceeded, NotFound, Rejected, Unreachable
from opstwin.registries.names import ImageName
from opstwin.registries.ports import Place

_NEAREST: Final = 5


def forbidden(place: Place, what: str) -> Forbidden:
    """The registry wants another login, or one at all."""
    return Forbidden(
        f"Registry {place.name} does not let the hub {what}; {_login_words(place)}.",
        next_step=_login_step(place),
        details={"registry": place.name, "host": place.host, "reference": place.credential},
    )


def no_such_image(place: Place, image: ImageName) -> NotFound:
    """The registry knows no image of that name, or hides it."""
    return NotFound(
        f"Registry {place.name} has no image {image.short}.",
        next_step=f"Correct the name. A private image is hidden from who may not see it: {_login_words(place)}.",
        details={"registry": place.name, "image": image.short},
    )


def no_such_tag(place: Place, image: ImageName, tags: Sequence[str] | None) -> NotFound:
    """The image is there and has no such tag or digest; the nearest tags are named. None: nobody can list them."""
    wanted = image.digest or image.tag or "latest"
    near = get_close_matches(wanted, list(tags or ()), n=_NEAREST, cutoff=0.4) or sorted(tags or (), reverse=True)
    shown = f" The nearest: {', '.join(near[:_NEAREST])}." if near else "" if tags is None else " It has no tags."
    return NotFound(
        f"Registry {place.name} has {image.short}, but not {wanted}.{shown}",
        next_step=f"See all of its tags: opstwin images tags {image.short}",
        details={"registry": place.name, "image": image.short, "tag": wanted, "nearest": near[:_NEAREST]},
    )


def too_often(place_name: str, retry_after_s: float) -> LimitExceeded:
    """The registry counts requests, and there were too many."""
    return LimitExceeded(
        f"Registry {place_name} takes no more requests for now.",
        next_step=f"Try again in {retry_after_s:.0f} s. With a login most registries allow more.",
        details={"registry": place_name},
        retry_after_s=retry_after_s,
    )


def too_long(place_name: str, most_bytes: int) -> LimitExceeded:
    """The answer is longer than any honest one."""
    return LimitExceeded(
        f"Registry {place_name} answered more than {most_bytes} bytes.",
        next_step="Check that its host is that of a registry.",
        details={"registry": place_name},
    )


def strange(place: Place, why: str) -> Rejected:
    """The answer is not what a registry answers."""
    return Rejected(
        f"Registry {place.name} answered what no registry does: {why}.",
        next_step=f"Check its host ({place.host}) and type ({place.type}).",
        details={"registry": place.name, "host": place.host},
    )


def unwell(place: Place, status: int) -> Unreachable:
    """The registry says that it cannot answer now."""
    return Unreachable(
        f"Registry {place.name} answered {status}.",
        next_step="Try again later, or see to the registry.",
        details={"registry": place.name, "status": status},
    )


def _login_words(place: Place) -> str:
    if place.credential:
        return f"what {place.credential} holds was not enough"
    return "its docker_config was not enough" if place.docker_config else "no credential is set for it"


def _login_step(place: Place) -> str:
    if place.credential:
        return f"Put a login that may read into {place.credential}, or name another credential in {place.source}."
    return f"Give it a credential in {place.source}: credential: env:NAME or file:NAME, and username."
