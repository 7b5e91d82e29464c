"""A dozen realistic applications, as people describe them, and what is asked for each."""

from collections.abc import Callable
from typing import Final

from opstwin.domain.deployment import Usage
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.intent.compose import read_compose
from opstwin.manifests.generating.generator import Request
from opstwin.manifests.generating.info import ContainerInfo, info_of_container, info_of_workload
from opstwin.manifests.generating.options import (
    Exposure,
    GenerateOptions,
    PastDeployment,
    Route,
)
from opstwin.manifests.served import served_by

MI: Final = 1024 * 1024
PASSWORD: Final = "correct-horse-7"
WEEK: Final = Usage(
    samples=20_000, cpu_mean=180, cpu_p50=170, cpu_p95=312, cpu_max=540, memory_mean=200 * MI, memory_p50=201 * MI,
    memory_p95=233 * MI, memory_max=251 * MI,
)  # fmt: skip

SHOP: Final = f"""
name: shop
services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
    depends_on: [api]
    networks: [front]
    restart: unless-stopped
  api:
    image: registry.example.com/shop/api:2.4.1
    expose: ["3000"]
    environment:
      LOG_LEVEL: info
      DATABASE_URL: postgres://shop:{PASSWORD}@db:5432/shop
    networks: [front, back]
    deploy: {{replicas: 2}}
    restart: unless-stopped
    healthcheck:
      test: ["CMD-SHELL", "curl -f http://localhost:3000/healthz || exit 1"]
      start_period: 20s
  db:
    image: postgres:16
    environment: {{POSTGRES_DB: shop, POSTGRES_PASSWORD: {PASSWORD}}}
    volumes: ["db-data:/var/lib/postgresql/data"]
    networks: [back]
    restart: unless-stopped
volumes: {{db-data: {{}}}}
networks: {{front: {{}}, back: {{}}}}
"""


def _one(workload: Workload, options: GenerateOptions | None = None) -> Request:
    return Request(containers=(info_of_workload(workload),), namespace="shop", options=options or GenerateOptions())


def nginx() -> Request:
    return _one(Workload(name="web", image="nginx:1.27", ports=(Port(container=80, host=8080),)))


def node_api() -> Request:
    api = Workload(
        name="api",
        image="registry.example.com/shop/api:2.4.1",
        command=("node", "server.js"),
        ports=(Port(container=3000),),
        env={"LOG_LEVEL": "info", "API_KEY": PASSWORD, "GREETING": "hello\nworld\n"},
        secret_env={"DB_PASSWORD": "file:db-password"},
        health=HealthCheck(
            command=("/bin/sh", "-c", "curl -f http://localhost:3000/healthz || exit 1"), start_period_s=30
        ),
        replicas=3,
        labels={"team": "checkout", "note": "kept by the shop team, ask before use"},
    )
    options = GenerateOptions(
        image_user="1000", image_writes=("/tmp",), usage=WEEK, autoscale=Autoscale(maximum=10), part_of="shop"
    )
    return _one(api, options)


def postgres() -> Request:
    db = Workload(
        name="db", image="postgres:16", ports=(Port(container=5432),), env={"POSTGRES_PASSWORD": PASSWORD},
        volumes=(Mount(path="/var/lib/postgresql/data", volume="db-data"),),
    )  # fmt: skip
    return _one(db, GenerateOptions(storage_by_volume={"db-data": "20Gi"}, storage_class="fast"))


def redis() -> Request:
    cache = Workload(
        name="cache", image="redis:7-alpine", command=("redis-server", "--requirepass", PASSWORD),
        ports=(Port(container=6379),), volumes=(Mount(path="/data", volume="cache-data"),),
    )  # fmt: skip
    return _one(cache)


def redis_without_volume() -> Request:
    return _one(Workload(name="cache", image="redis:7.4", ports=(Port(container=6379),)))


def worker() -> Request:
    mailer = Workload(
        name="mailer", image="registry.example.com/shop/mailer:1.9", command=("python", "-m", "mailer"),
        env={"QUEUE": "mail"}, replicas=2, resources=Resources(cpu_millicores=500, memory_bytes=256 * MI),
    )  # fmt: skip
    return _one(mailer, GenerateOptions(image_user="10001:10001", image_writes=()))


def compose_shop() -> Request:
    found = read_compose(SHOP)
    containers = tuple(info_of_workload(workload) for workload in found)
    return Request(
        containers=containers,
        namespace="shop",
        options=GenerateOptions(namespace_manifest=True, network_policy=True, part_of="shop"),
    )


def migration() -> Request:
    task = Workload(
        name="migrate", image="registry.example.com/shop/api:2.4.1", command=("node", "migrate.js"),
        restart=RestartPolicy.NEVER, secret_env={"DATABASE_URL": "env:SHOP_DATABASE_URL"},
    )  # fmt: skip
    return _one(task)


def backup() -> Request:
    task = Workload(name="backup", image="registry.example.com/ops/backup:3", restart=RestartPolicy.NEVER)
    return _one(task, GenerateOptions(schedule="0 3 * * *", profile="M"))


def public_site() -> Request:
    site = Workload(name="site", image="nginxinc/nginx-unprivileged:1.27", ports=(Port(container=8080),), replicas=2)
    route = Route(host="www.example.com", ingress_class="nginx", tls_secret="www-tls")
    return _one(site, GenerateOptions(route=route, network_policy=True, service_account="site", profile="L"))


def dns() -> Request:
    resolver = Workload(
        name="resolver", image="registry.example.com/ops/dns:1.11",
        ports=(Port(container=53), Port(container=53, protocol="udp"), Port(container=9153)),
    )  # fmt: skip
    return _one(resolver, GenerateOptions(exposure=Exposure.LOAD_BALANCER))


def old_cluster() -> Request:
    api = Workload(name="api", image="registry.example.com/shop/api:2.4.1", ports=(Port(container=3000),), replicas=2)
    past = PastDeployment(
        id="12", service="api", image="registry.example.com/shop/api", success=False, memory_limit=512 * MI,
        memory_p95=500.0 * MI, cpu_p95=210.0, oom_events=3,
    )  # fmt: skip
    options = GenerateOptions(autoscale=Autoscale(), history=(past,))
    return Request(containers=(info_of_workload(api),), namespace="shop", served=served_by((1, 20)), options=options)


def seen_on_docker() -> Request:
    spec = {
        "image": "registry.example.com/shop/legacy:5", "command": None, "env": {"MODE": "full", "TOKEN": "•••"},
        "secret_env": {}, "ports": [{"container": 8080, "host": 80, "protocol": "tcp", "address": "0.0.0.0"}],
        "mounts": [{"path": "/srv/files", "volume": "files", "host_path": None, "read_only": False}],
        "networks": ["shop"], "cpu_millicores": None, "memory_bytes": None, "health": None, "labels": {},
        "restart": "no", "running": True,
    }  # fmt: skip
    facts = {"state": "running", "user": "app", "cpu_millicores": 80.0, "memory_bytes": 90 * MI}
    return Request(containers=(info_of_container("legacy", spec, facts),), namespace="shop")


def six_fields() -> Request:
    info = ContainerInfo(
        name="blog", image="ghost:5.90", ports=(2368,), env_vars={"url": "https://blog.example.com"},
        cpu_usage="4.5%", memory_usage="180MiB",
    )  # fmt: skip
    return Request(containers=(info,), namespace="shop")


APPLICATIONS: Final[dict[str, Callable[[], Request]]] = {
    made.__name__: made
    for made in (
        nginx, node_api, postgres, redis, redis_without_volume, worker, compose_shop, migration, backup, public_site,
        dns, old_cluster, seen_on_docker, six_fields,
    )
}  # fmt: skip
