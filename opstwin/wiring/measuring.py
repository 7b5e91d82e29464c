"""Which store of samples a hub has, and where else its measurements go."""

import os

from opstwin.clock import Clock
from opstwin.errors import StoreError
from opstwin.logs import logger
from opstwin.metrics.files import FileSamples
from opstwin.metrics.levels import Retention
from opstwin.metrics.memory import MemorySamples
from opstwin.metrics.mirroring import MirroredSamples
from opstwin.metrics.ports import PromQuery, SampleStore
from opstwin.metrics.prometheus import Prometheus
from opstwin.metrics.remote_write import RemoteWrite
from opstwin.settings import Settings
from opstwin.wiring.drivers import hub_secrets


def samples_of(settings: Settings, clock: Clock) -> SampleStore:
    """The store that the settings name; in memory where the folder cannot be used, and the log says why."""
    store = _own(settings, clock)
    if not settings.remote_write_url:
        return store
    sink = RemoteWrite(settings.remote_write_url, _token(settings, settings.remote_write_credential))
    return MirroredSamples(store, sink, clock)


def prom_query_of(settings: Settings) -> PromQuery | None:
    """Where PromQL is answered, None when nowhere."""
    if not settings.prometheus_url:
        return None
    return Prometheus(settings.prometheus_url, _token(settings, settings.prometheus_credential))


def _own(settings: Settings, clock: Clock) -> SampleStore:
    if settings.metrics_store == "memory":
        return MemorySamples()
    kept = Retention(
        raw_s=settings.metrics_raw_s, minute_s=settings.metrics_minutes_s, hour_s=settings.metrics_hours_s,
        most_bytes=settings.metrics_max_bytes,
    )  # fmt: skip
    try:
        return FileSamples(settings.data_dir / "metrics", kept, clock)
    except StoreError as error:
        logger().warning("metrics_in_memory", reason=error.message, next_step=error.next_step)
        return MemorySamples()


def _token(settings: Settings, reference: str) -> str:
    return hub_secrets(os.environ, settings.secrets_folder).resolve(reference) if reference else ""
