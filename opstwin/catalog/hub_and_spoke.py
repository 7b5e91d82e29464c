"""The worked example: a controller with routers around it, as containers.

Both parts are busybox's HTTP server handing out one identity document. That is enough to show bootstrap, expand and
upgrade on a real engine without a registry.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from opstwin.catalog.component import About, Component, Context, Identity, Probe, Settings, overall
from opstwin.catalog.endpoint import Endpoint
from opstwin.domain.resource import Health, Observed
from opstwin.domain.values import canonical
from opstwin.domain.workload import MAX_REPLICAS, HealthCheck, Port, Workload
from opstwin.errors import InvalidInput

IMAGE: Final = "busybox:1"
"""Any image with a static busybox at /bin/busybox will do; `image:` in the components file names another."""

VERSIONS: Final = ("1", "2")
HEALTH_PATH: Final = "/health"
_PORT: Final = 8080

_SCRIPT: Final = (
    '/bin/busybox mkdir -p /www && printf %s "$IDENTITY" > /www/health'
    f" && exec /bin/busybox httpd -f -p {_PORT} -h /www"
)
"""A constant text: what differs comes in as the variable IDENTITY and is never read as a command."""

_ANSWERS: Final = HealthCheck(
    command=("/bin/busybox", "wget", "-q", "-O", "/dev/null", f"http://127.0.0.1:{_PORT}{HEALTH_PATH}"),
    interval_s=1.0, timeout_s=2.0, retries=5,
)  # fmt: skip


class Controller:
    """The one thing that must never be made twice, nor overwritten."""

    about = About(
        name="hub-and-spoke-controller", kind="controller", version=VERSIONS[-1],
        summary="the controller that routers join", settings=("image",),
    )  # fmt: skip

    def requires(self) -> tuple[str, ...]:
        return ()

    def existence(self, settings: Settings) -> Probe:
        return Probe(
            workload=settings.workload(self.about.kind),
            url=settings.need_endpoint().at(HEALTH_PATH),
            identity=Identity(kind=self.about.name, id=settings.id),
        )

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        endpoint = settings.need_endpoint()
        if endpoint.scheme != "http" or endpoint.path:
            raise InvalidInput(
                "This controller is served over plain HTTP, without a path.",
                field=f"components.{settings.name}.endpoint",
                next_step=f"Use http://{endpoint.host}:{endpoint.port}.",
            )
        port = Port(container=_PORT, host=endpoint.port, address=_published_at(endpoint))
        return (replace(_served(self.about, settings), networks=(settings.name,), ports=(port,)),)

    def upgrade(self, from_version: str, to_version: str) -> tuple[str, ...]:
        return _path(from_version, to_version)

    def health(self, settings: Settings, observed: Sequence[Observed]) -> Health:
        return overall(observed, expected=1)


class Router:
    """Joins the controller; there may be any number."""

    about = About(
        name="hub-and-spoke-router", kind="router", version=VERSIONS[-1],
        summary="a router that joins the controller", settings=("image", "routers"),
    )  # fmt: skip

    def requires(self) -> tuple[str, ...]:
        return (Controller.about.name,)

    def existence(self, settings: Settings) -> Probe:
        return Probe(workload=settings.workload(self.about.kind))

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        url = f"http://{settings.workload('controller')}-1:{_PORT}" if context.owned else settings.need_endpoint().url
        served = _served(self.about, settings)
        return (
            replace(
                served,
                networks=(settings.name,) if context.owned else (),
                replicas=self._count(settings),
                env={**served.env, "CONTROLLER_URL": url},
            ),
        )

    def upgrade(self, from_version: str, to_version: str) -> tuple[str, ...]:
        return _path(from_version, to_version)

    def health(self, settings: Settings, observed: Sequence[Observed]) -> Health:
        return overall(observed, expected=self._count(settings))

    def _count(self, settings: Settings) -> int:
        return settings.number("routers", 1, at_least=1, at_most=MAX_REPLICAS)


COMPONENT: Final[tuple[Component, ...]] = (Controller(), Router())
"""What the entry point `hub-and-spoke` gives: the parts of one whole."""


def _served(about: About, settings: Settings) -> Workload:
    identity = {"kind": about.name, "id": settings.id, "version": settings.version}
    return Workload(
        name=settings.workload(about.kind), image=settings.text("image", IMAGE),
        command=("/bin/busybox", "sh", "-c", _SCRIPT), env={"IDENTITY": canonical(identity)}, health=_ANSWERS,
    )  # fmt: skip


def _published_at(endpoint: Endpoint) -> str:
    """The address of the host to publish on: no wider than the endpoint asks for."""
    if not endpoint.is_loopback:
        return "0.0.0.0"  # noqa: S104 - an endpoint that others reach
    return "127.0.0.1" if endpoint.host == "localhost" else endpoint.host


def _path(from_version: str, to_version: str) -> tuple[str, ...]:
    for version in (from_version, to_version):
        if version not in VERSIONS:
            raise InvalidInput(
                f"Version {version[:40]!r} is not known.", field="version", next_step=f"Known: {', '.join(VERSIONS)}."
            )
    first, last = VERSIONS.index(from_version), VERSIONS.index(to_version)
    if last < first:
        raise InvalidInput(
            f"There is no way back from version {from_version} to {to_version}.",
            field="version",
            next_step="Roll back the deployment that brought it: opstwin rollback.",
        )
    return VERSIONS[first + 1 : last + 1]
