"""What is known about widely used images: what they are, where their data is, as which user they can run.

Users and folders are those of the official images (their Dockerfiles and entry scripts). An image that is not listed
is not guessed at: what is not known stays open.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from opstwin.manifests.generating.amounts import MI


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One image. `user` and `group` are numbers that it can start as (`alpine` where its Alpine variant differs).

    `data` is where it keeps what must survive; `cache` says that it may also run without (then without a volume it is
    no StatefulSet). `writes` are the folders outside it that it writes to; None means not known. `probe` is a command
    that ends with 0 when it serves. `floor_bytes` is the least memory that it runs well with. Where a file system's own
    `lost+found` would stand in its way, `sub_path` is the folder of its volume that it gets, or `env` what it is told.
    """

    component: str
    port: int | None = None
    data: str | None = None
    cache: bool = False
    user: int | None = None
    group: int | None = None
    alpine: tuple[int, int] | None = None
    writes: tuple[str, ...] | None = None
    probe: tuple[str, ...] = ()
    floor_bytes: int = 0
    root_capabilities: tuple[str, ...] = ()
    sub_path: str | None = None
    env: tuple[tuple[str, str], ...] = ()


_PG: Final = Known(
    component="database", port=5432, data="/var/lib/postgresql/data", user=999, group=999, alpine=(70, 70),
    writes=("/var/run/postgresql", "/tmp"), probe=("pg_isready", "-q", "-h", "127.0.0.1", "-p", "5432"),  # noqa: S108
    floor_bytes=256 * MI, env=(("PGDATA", "/var/lib/postgresql/data/pgdata"),),
)  # fmt: skip
_MYSQL: Final = Known(
    component="database", port=3306, data="/var/lib/mysql", user=999, group=999,
    writes=("/var/run/mysqld", "/var/lib/mysql-files", "/tmp"),  # noqa: S108
    probe=("mysqladmin", "ping", "-h", "127.0.0.1"), floor_bytes=512 * MI, sub_path="mysql",
)  # fmt: skip
_MARIADB: Final = Known(
    component="database", port=3306, data="/var/lib/mysql", user=999, group=999,
    writes=("/run/mysqld", "/tmp"), probe=("healthcheck.sh", "--connect"),  # noqa: S108
    floor_bytes=256 * MI, sub_path="mysql",
)  # fmt: skip
_REDIS: Final = Known(
    component="cache", port=6379, data="/data", cache=True, user=999, group=999, alpine=(999, 1000), writes=(),
    probe=("redis-cli", "ping"), floor_bytes=64 * MI,
)  # fmt: skip
_WEB_SERVER: Final = ("CHOWN", "NET_BIND_SERVICE", "SETGID", "SETUID")

IMAGES: Final[Mapping[str, Known]] = {
    "postgres": _PG,
    "mysql": _MYSQL,
    "mariadb": _MARIADB,
    "redis": _REDIS,
    "valkey": Known(
        component="cache", port=6379, data="/data", cache=True, user=999, group=999, alpine=(999, 1000), writes=(),
        probe=("valkey-cli", "ping"), floor_bytes=64 * MI,
    ),
    "mongo": Known(
        component="database", port=27017, data="/data/db", user=999, group=999, writes=("/data/configdb", "/tmp"),  # noqa: S108
        floor_bytes=512 * MI,
    ),
    "kafka": Known(
        component="queue", port=9092, data="/var/lib/kafka/data", user=1000, group=1000, floor_bytes=1024 * MI
    ),
    "rabbitmq": Known(
        component="queue", port=5672, data="/var/lib/rabbitmq", user=999, group=999, alpine=(100, 101),
        probe=("rabbitmq-diagnostics", "-q", "ping"), floor_bytes=256 * MI,
    ),
    "nats": Known(component="queue", port=4222, data="/data", cache=True, user=65534, group=65534, writes=()),
    "zookeeper": Known(component="queue", port=2181, data="/data", user=1000, group=1000, floor_bytes=256 * MI),
    "elasticsearch": Known(
        component="database", port=9200, data="/usr/share/elasticsearch/data", user=1000, group=0, floor_bytes=2048 * MI
    ),
    "opensearch": Known(
        component="database", port=9200, data="/usr/share/opensearch/data", user=1000, group=1000, floor_bytes=2048 * MI
    ),
    "cassandra": Known(
        component="database", port=9042, data="/var/lib/cassandra", user=999, group=999, floor_bytes=2048 * MI
    ),
    "influxdb": Known(component="database", port=8086, data="/var/lib/influxdb2", user=1000, group=1000),
    "clickhouse-server": Known(component="database", port=8123, data="/var/lib/clickhouse", user=101, group=101),
    "minio": Known(component="storage", port=9000, data="/data", user=1000, group=1000),
    "etcd": Known(component="database", port=2379, data="/etcd-data", user=1000, group=1000),
    "memcached": Known(component="cache", port=11211, user=11211, group=11211, writes=(), floor_bytes=64 * MI),
    "prometheus": Known(component="monitoring", port=9090, data="/prometheus", user=65534, group=65534, writes=()),
    "grafana": Known(component="monitoring", port=3000, data="/var/lib/grafana", cache=True, user=472, group=0),
    "nginx": Known(
        component="web", port=80, writes=("/var/cache/nginx", "/var/run", "/tmp"), root_capabilities=_WEB_SERVER,  # noqa: S108
    ),
    "nginx-unprivileged": Known(component="web", port=8080, user=101, group=101, writes=("/tmp",)),  # noqa: S108
    "httpd": Known(
        component="web", port=80, writes=("/usr/local/apache2/logs", "/tmp"), root_capabilities=_WEB_SERVER  # noqa: S108
    ),
    "caddy": Known(component="web", port=80, root_capabilities=("NET_BIND_SERVICE",)),
    "traefik": Known(component="web", port=80, root_capabilities=("NET_BIND_SERVICE",)),
    "haproxy": Known(component="web", user=99, group=99),
}  # fmt: skip
"""By the last part of an image's name."""

_VENDORS: Final = frozenset({
    "apache/kafka", "clickhouse/clickhouse-server", "coreos/etcd", "elasticsearch/elasticsearch",
    "grafana/grafana", "minio/minio", "nginxinc/nginx-unprivileged", "opensearchproject/opensearch", "prom/prometheus",
    "valkey/valkey",
})  # fmt: skip

USERS: Final[Mapping[str, int]] = {"nobody": 65534, "node": 1000, "nonroot": 65532}
"""Names of users that are the same number in every image that has them: Debian and Alpine, Node.js, distroless."""


def repository(image: str) -> str:
    """An image's name without registry defaults, tag and digest: `docker.io/library/nginx:1.27` is `nginx`."""
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    short = f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]
    return short.removeprefix("docker.io/").removeprefix("index.docker.io/").removeprefix("library/")


def tag(image: str) -> str:
    """An image's tag; empty when it has none."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2]


def known_image(image: str) -> Known | None:
    """What is known of it; None for an image that is not listed.

    Of an image that somebody else made under a listed name (`acme/postgres`) only what every variant shares is known:
    not its user, its folders or its commands.
    """
    name = repository(image)
    known = IMAGES.get(name.rpartition("/")[2])
    if known is None or _is_the_official(name):
        return known
    return replace(known, user=None, alpine=None, writes=None, probe=(), root_capabilities=(), sub_path=None, env=())


def user_of(image: str, known: Known) -> tuple[int, int] | None:
    """User and group that a listed image can start as; None when it needs root, or when it is not known."""
    if known.alpine is not None and "alpine" in tag(image):
        return known.alpine
    return None if known.user is None else (known.user, known.group or 0)


def _is_the_official(name: str) -> bool:
    """Whether it is the official image, or a mirror's copy under its plain name."""
    head, _, last = name.rpartition("/")
    first, _, rest = head.partition("/")
    folder = rest if "." in first or ":" in first else head
    return folder in ("", "library") or f"{folder}/{last}" in _VENDORS
