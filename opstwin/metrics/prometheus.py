"""Prometheus and VictoriaMetrics as places that answer PromQL, by their common HTTP interface."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from opstwin.errors import InvalidInput, Rejected, Timeout, Unreachable
from opstwin.metrics.ports import PromSeries

ANSWER_S: Final = 30.0
MOST_BYTES: Final = 64 << 20
_BAD: Final = frozenset({400, 422})


class Prometheus:
    """See `PromQuery`. `url` is the server's address, `token` a bearer token or empty."""

    def __init__(self, url: str, token: str = "", timeout_s: float = ANSWER_S) -> None:
        self._url, self._timeout_s = url.rstrip("/"), timeout_s
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def instant(self, expression: str, at: datetime) -> tuple[PromSeries, ...]:
        """See the port."""
        found = await self._asked("query", {"query": expression, "time": f"{at.timestamp():.3f}"})
        if found.get("resultType") == "scalar":
            return (_series({"metric": {}, "value": found["result"]}),)
        return tuple(map(_series, _rows(found)))

    async def range(
        self, expression: str, start_at: datetime, end_at: datetime, step_s: float
    ) -> tuple[PromSeries, ...]:
        """See the port."""
        span = {"start": f"{start_at.timestamp():.3f}", "end": f"{end_at.timestamp():.3f}", "step": f"{step_s:g}"}
        return tuple(map(_series, _rows(await self._asked("query_range", {"query": expression, **span}))))

    async def _asked(self, call: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=self._timeout_s, trust_env=False) as client:
                answer = await client.post(f"{self._url}/api/v1/{call}", data=dict(form), headers=self._headers)
        except httpx2.TimeoutException as error:
            raise Timeout("The metrics server did not answer in time.", next_step="Ask for less, or see it.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(
                f"The metrics server does not answer: {type(error).__name__}.",
                next_step="Check prometheus_url, and that it runs.",
            ) from error
        return _data(answer)


def _data(answer: httpx2.Response) -> Mapping[str, Any]:
    body = _body(answer)
    if answer.status_code in _BAD:
        raise InvalidInput(
            f"The metrics server takes this for no PromQL: {str(body.get('error', ''))[:500]}",
            field="expression",
            next_step="Correct the expression.",
        )
    found = body.get("data")
    if answer.status_code != 200 or body.get("status") != "success" or not isinstance(found, Mapping):
        raise Rejected(
            f"The metrics server answered {answer.status_code} and no data.",
            next_step="Check prometheus_url and prometheus_credential.",
        )
    return found


def _body(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}


def _rows(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = found.get("result")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _series(row: Mapping[str, Any]) -> PromSeries:
    try:
        pairs = row["values"] if "values" in row else [row["value"]]
        moments = tuple(datetime.fromtimestamp(float(pair[0]), UTC) for pair in pairs)
        values = tuple(float(pair[1]) for pair in pairs)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise Rejected("The metrics server answered no series.", next_step="Check prometheus_url.") from error
    labels = row.get("metric") or {}
    return PromSeries(labels={str(key): str(labels[key]) for key in labels}, at=moments, values=values)
