"""A page of text, served by busybox."""

from collections.abc import Sequence

from opstwin.catalog.component import About, Context, Probe, Settings, overall
from opstwin.domain.resource import Health, Observed
from opstwin.domain.workload import HealthCheck, Port, Workload
from opstwin.errors import InvalidInput

_SCRIPT = (
    '/bin/busybox mkdir -p /www && printf %s "$TEXT" > /www/index.html && exec /bin/busybox httpd -f -p 8080 -h /www'
)


class Page:
    """A component without an endpoint of its own: whether it is there, the twin knows."""

    about = About(
        name="demo-page", kind="page", version="1", summary="a page of text", settings=("image", "text", "port")
    )

    def requires(self) -> tuple[str, ...]:
        return ()

    def existence(self, settings: Settings) -> Probe:
        return Probe(workload=settings.workload("page"))

    def desired(self, settings: Settings, context: Context) -> tuple[Workload, ...]:
        port = settings.number("port", 8080, at_least=1, at_most=65535)
        page = Workload(
            name=settings.workload("page"),
            image=settings.text("image", "busybox:1"),
            command=("/bin/busybox", "sh", "-c", _SCRIPT),
            env={"TEXT": settings.text("text", "It works.")},
            ports=(Port(container=8080, host=port),),
            health=HealthCheck(command=("/bin/busybox", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/")),
        )
        return (page,)

    def upgrade(self, from_version: str, to_version: str) -> tuple[str, ...]:
        if {from_version, to_version} != {"1"}:
            raise InvalidInput("There is only version 1.", field="version", next_step='Write version: "1".')
        return ()

    def health(self, settings: Settings, observed: Sequence[Observed]) -> Health:
        return overall(observed, expected=1)


COMPONENT = Page()
