"""Remote write and PromQL on a real Prometheus and a real VictoriaMetrics (Debian packages)."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from opstwin.clock import SystemClock
from opstwin.domain.series import Aggregate, Metric, Sample, SeriesQuery
from opstwin.domain.values import ResourceId
from opstwin.errors import InvalidInput, Rejected, Timeout, Unreachable
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention
from opstwin.metrics.mirroring import MirroredSamples
from opstwin.metrics.ports import PromSeries
from opstwin.metrics.prometheus import Prometheus
from opstwin.metrics.remote_write import RemoteWrite
from tests.plugins.metric_servers import MetricServer, free_port

SHOWN_S = 15.0
"""A server may show what it took only a little later."""


@pytest.fixture
def web() -> ResourceId:
    """A resource that no other test has."""
    return ResourceId(f"local/container/web-{secrets.token_hex(4)}")


def begin() -> datetime:
    """Half an hour ago, on a whole minute: both servers take what is so young."""
    return datetime.fromtimestamp(int(datetime.now(UTC).timestamp()) // 60 * 60 - 1800, UTC)


def samples(web: ResourceId, start: datetime, count: int = 40) -> list[Sample]:
    return [
        Sample(resource=web, metric=Metric.CPU_MILLICORES, at=start + timedelta(seconds=15 * n), value=n / 8,
               labels=(("workload", "wéb \"1\""),))
        for n in range(count)
    ]  # fmt: skip


async def shown(server: MetricServer, expression: str, start: datetime, end: datetime, step_s: float) -> PromSeries:
    prom = Prometheus(server.url)
    async with asyncio.timeout(SHOWN_S):
        server.flush()
        while not (found := await prom.range(expression, start, end, step_s)):
            await asyncio.sleep(0.1)
            server.flush()
    [series] = found
    return series


async def test_what_is_written_is_found_again_with_its_labels_and_to_the_last_bit(
    metric_server: MetricServer, web: ResourceId
) -> None:
    start, prom = begin(), Prometheus(metric_server.url)
    sent = samples(web, start)
    await RemoteWrite(metric_server.write_url).send(sent)
    end = start + timedelta(seconds=15 * 39)
    found = await shown(metric_server, f'opstwin_cpu_millicores{{resource="{web}"}}', start, end, 15)
    assert dict(found.labels) == {
        "__name__": "opstwin_cpu_millicores", "resource": web, "target": "local", "kind": "container",
        "workload": "wéb \"1\"",
    }  # fmt: skip
    assert found.values == tuple(item.value for item in sent)
    assert found.at == tuple(item.at for item in sent)
    [now] = await prom.instant(f'max_over_time(opstwin_cpu_millicores{{resource="{web}"}}[30m])', end)
    assert now.values == (39 / 8,)


async def test_our_store_and_the_server_answer_alike(
    metric_server: MetricServer, web: ResourceId, tmp_path: Path
) -> None:
    """The mean and the peak of each five minutes, from a store that mirrors what it is given."""
    start = begin()
    store = MirroredSamples(
        FileSamples(tmp_path, Retention(), SystemClock()), RemoteWrite(metric_server.write_url), SystemClock()
    )
    await store.write(samples(web, start, 80))
    await store.sent()
    for aggregate, function in ((Aggregate.MEAN, "avg_over_time"), (Aggregate.MAX, "max_over_time")):
        [ours] = await store.read(
            SeriesQuery(
                metric=Metric.CPU_MILLICORES, resources=(web,), start_at=start, step_s=300, steps=4, aggregate=aggregate
            )
        )
        # A server looks back from each moment; samples are 15 s apart, so a second less is within the step.
        first = start + timedelta(seconds=299)
        expression = f'{function}(opstwin_cpu_millicores{{resource="{web}"}}[300s])'
        theirs = await shown(metric_server, expression, first, first + timedelta(seconds=900), 300)
        assert theirs.values == pytest.approx(ours.values)
    await store.close()


async def test_what_is_no_promql_is_told_with_the_servers_own_words(metric_server: MetricServer) -> None:
    prom = Prometheus(metric_server.url)
    with pytest.raises(InvalidInput, match="no PromQL") as wrong:
        await prom.instant("sum(", datetime.now(UTC))
    assert wrong.value.field == "expression"
    [scalar] = await prom.instant("scalar(vector(2))", datetime.now(UTC))
    assert scalar.values == (2.0,)


async def test_a_place_that_takes_no_writes_refuses_for_good(metric_server: MetricServer, web: ResourceId) -> None:
    with pytest.raises(Rejected, match="refused with 4"):
        await RemoteWrite(f"{metric_server.url}/api/v1/nothing-here").send(samples(web, begin()))


async def test_a_server_that_is_away_is_told_as_such(web: ResourceId) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable):
        await Prometheus(away).instant("up", datetime.now(UTC))
    with pytest.raises(Unreachable):
        await RemoteWrite(f"{away}/api/v1/write").send(samples(web, begin()))


@pytest.fixture
async def mute() -> AsyncIterator[str]:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


async def test_a_server_that_says_nothing_is_not_waited_for(mute: str, web: ResourceId) -> None:
    with pytest.raises(Timeout):
        await Prometheus(mute, timeout_s=0.2).instant("up", datetime.now(UTC))
    with pytest.raises(Timeout):
        await RemoteWrite(mute, timeout_s=0.2).send(samples(web, begin()))


async def test_what_waits_for_a_server_that_was_away_is_sent_when_it_is_there(
    metric_server: MetricServer, web: ResourceId, tmp_path: Path
) -> None:
    """The first tries go nowhere; nothing that is written waits for them."""
    start, clock = begin(), SystemClock()

    class Late:
        tries = 0

        async def send(self, batch: list[Sample]) -> None:
            self.tries += 1
            if self.tries < 2:
                raise Unreachable("away")
            await RemoteWrite(metric_server.write_url).send(batch)

    store = MirroredSamples(FileSamples(tmp_path, Retention(), clock), Late(), clock)  # type: ignore[arg-type]
    sent = samples(web, start)
    await store.write(sent[:20])
    await store.write(sent[20:])
    await store.sent()
    found = await shown(
        metric_server, f'count_over_time(opstwin_cpu_millicores{{resource="{web}"}}[1h])',
        start + timedelta(seconds=15 * 39), start + timedelta(seconds=15 * 39), 15,
    )  # fmt: skip
    assert found.values == (40.0,)
    await store.close()
