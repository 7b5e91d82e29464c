"""Whether a provider answers and takes its key: its list of models is asked for, which is free and needs no SDK."""

from collections.abc import Callable, Mapping
from typing import Final

import httpx2

from opstwin.agent.models.failures import Reason, failure, of_status, reason_of
from opstwin.agent.models.places import Place

WITHIN_S: Final = 2.5
"""Less than the hub's readiness waits for one answer."""

_SPEAKS: Final = "2023-06-01"
"""The version of Anthropic's API that its SDK speaks."""

_AWAY: Final = frozenset({Reason.NO_KEY, Reason.DOWN, Reason.TIMEOUT})
"""What says that nobody would get an answer now. A server that lists no models, or takes no more requests, is there."""


async def knock(place: Place, key: str, http: httpx2.AsyncClient, cover: Callable[[str], str]) -> None:
    """Return when the provider is there. Raises `ModelError` (no_key, down, timeout) when it is not."""
    try:
        answer = await http.get(_address(place), headers=_headers(place, key), timeout=WITHIN_S)
    except httpx2.TimeoutException as error:
        raise failure(Reason.TIMEOUT, place.name) from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise failure(Reason.DOWN, place.name, words=type(error).__name__) from error
    if answer.is_success:
        return
    said = of_status(place.name, answer.status_code, {}, answer.headers, cover)
    if reason_of(said) in _AWAY:
        raise said


def _address(place: Place) -> str:
    if place.kind == "anthropic":
        return f"{place.base_url}/v1/models?limit=1"
    if _is_old_azure(place):
        return f"{place.base_url}/openai/models?api-version={place.api_version}"
    return f"{place.base_url}/models"


def _headers(place: Place, key: str) -> Mapping[str, str]:
    if not key:
        return {}
    if place.kind == "anthropic":
        return {"x-api-key": key, "anthropic-version": _SPEAKS}
    return {"api-key": key} if _is_old_azure(place) else {"authorization": f"Bearer {key}"}


def _is_old_azure(place: Place) -> bool:
    """Whether it is Azure, and not where Azure answers like OpenAI itself."""
    return place.kind == "azure" and not place.base_url.endswith("/openai/v1")
