"""Prometheus remote write (version 1): samples as a protocol buffer, compressed with snappy."""

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import httpx2

from opstwin.domain.series import Labels, Sample
from opstwin.errors import Rejected, Timeout, Unreachable

SEND_S: Final = 10.0
PREFIX: Final = "opstwin_"
_LENGTH: Final = 2
_DOUBLE: Final = 1
_UNFIT: Final = re.compile(r"[^a-zA-Z0-9_]")


class RemoteWrite:
    """See `SampleSink`. Works with Prometheus (`/api/v1/write`), VictoriaMetrics, Mimir and others of that interface.

    A series has the name `opstwin_METRIC`, and the labels `resource`, `target`, `kind` and those of its samples.
    """

    def __init__(self, url: str, token: str = "", timeout_s: float = SEND_S) -> None:
        self._url, self._timeout_s = url, timeout_s
        self._headers = {
            "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0", "User-Agent": "opstwin",
        } | ({"Authorization": f"Bearer {token}"} if token else {})  # fmt: skip

    async def send(self, samples: Sequence[Sample]) -> None:
        """See the port."""
        import cramjam

        body = bytes(cramjam.snappy.compress_raw(write_request(samples)))
        try:
            async with httpx2.AsyncClient(timeout=self._timeout_s, trust_env=False) as client:
                answer = await client.post(self._url, content=body, headers=self._headers)
        except httpx2.TimeoutException as error:
            raise Timeout("Remote write got no answer in time.", next_step="It is tried again.") from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise Unreachable(
                f"Remote write gets no answer: {type(error).__name__}.", next_step="Check remote_write_url."
            ) from error
        if answer.status_code == 429 or answer.status_code >= 500:
            raise Unreachable(f"Remote write was put off with {answer.status_code}.", next_step="It is tried again.")
        if answer.status_code >= 300:
            raise Rejected(
                f"Remote write was refused with {answer.status_code}: {answer.text[:300]}",
                next_step="Check remote_write_url and remote_write_credential.",
            )


def write_request(samples: Sequence[Sample]) -> bytes:
    """The message `prometheus.WriteRequest`: one series after the other, samples of each in the order of time."""
    series: dict[Labels, dict[int, float]] = {}
    for sample in samples:
        held = series.setdefault(labels_of(sample), {})
        held[round(sample.at.timestamp() * 1000)] = sample.value
    return b"".join(_field(1, _series(labels, values)) for labels, values in series.items())


def labels_of(sample: Sample) -> Labels:
    """The labels of a sample's series, in the order of their names as receivers demand."""
    target, kind, *_ = (*sample.resource.split("/", 2), "", "")
    own = {"__name__": PREFIX + _UNFIT.sub("_", sample.metric), "resource": sample.resource}
    told = {_UNFIT.sub("_", name): value for name, value in sample.labels if name}
    return tuple(sorted((told | {"target": target, "kind": kind} | own).items()))


def _series(labels: Labels, values: dict[int, float]) -> bytes:
    pairs = (_field(1, name.encode()) + _field(2, value.encode()) for name, value in labels if value)
    told = (_sample(at_ms, value) for at_ms, value in sorted(values.items()))
    return b"".join((*(_field(1, pair) for pair in pairs), *(_field(2, item) for item in told)))


def _sample(at_ms: int, value: float) -> bytes:
    return bytes((1 << 3 | _DOUBLE,)) + struct.pack("<d", value) + bytes((2 << 3,)) + _varint(at_ms)


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | _LENGTH,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    return bytes(_groups(value & (1 << 64) - 1))


def _groups(value: int) -> Iterator[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
