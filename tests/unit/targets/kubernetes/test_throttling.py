"""How often CPU limits held pods back, from the counters of the nodes' kubelets."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from opstwin.clock import VirtualClock
from opstwin.domain.values import ResourceId
from opstwin.errors import Rejected
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.kubernetes.throttling import AWAY_S, FRESH_S, HeldBack

WEB = ResourceId("prod/deployment/shop/web")
NAME = "container_cpu_cfs_throttled_periods_total"


def pod(name: str, node: str = "n1", **limits: str) -> dict[str, Any]:
    containers = [{"name": "app", "resources": {"limits": limits}}]
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"nodeName": node, "containers": containers}}


def line(name: str, count: float, container: str = "app", series: str = NAME) -> str:
    labels = f'container="{container}",id="/kubepods/x",image="web",name="k8s",namespace="shop",pod="{name}"'
    return f"{series}{{{labels}}} {count:g} 1767603600000"


@dataclass
class Kubelets:
    """The counters that each node shows; a node without any refuses."""

    pages: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)

    async def lines(self, path: str, query: Mapping[str, str], *, idle_s: float) -> AsyncGenerator[bytes, None]:
        node = path.split("/")[4]
        self.asked.append(node)
        if node not in self.pages:
            raise Rejected("nodes/proxy is forbidden")
        for text in self.pages[node]:
            yield text.encode()


@dataclass
class Bench:
    clock: VirtualClock
    kubelets: Kubelets
    counts: HeldBack

    async def of(self, *pods: dict[str, Any]) -> Mapping[ResourceId, int]:
        names = [f"shop/{item['metadata']['name']}" for item in pods]
        self.clock.advance(FRESH_S)
        return await self.counts.of(pods, {WEB: names})


@pytest.fixture
def bench() -> Bench:
    clock, kubelets = VirtualClock(), Kubelets({"n1": [], "n2": []})
    return Bench(clock, kubelets, HeldBack(cast(Streams, kubelets), clock))


@pytest.mark.req("S5.71")
async def test_what_is_counted_is_what_rose_since_the_first_look_over_all_pods_and_nodes(bench: Bench) -> None:
    pods = pod("a", cpu="100m"), pod("b", "n2", cpu="100m")
    bench.kubelets.pages = {"n1": [line("a", 1000), line("stranger", 5)], "n2": [line("b", 20)]}
    assert await bench.of(*pods) == {WEB: 0}
    bench.kubelets.pages = {"n1": [line("a", 1007)], "n2": [line("b", 25)]}
    assert await bench.of(*pods) == {WEB: 12}


async def test_pods_that_go_take_nothing_away_and_pods_that_come_count_from_zero(bench: Bench) -> None:
    bench.kubelets.pages["n1"] = [line("a", 1000)]
    await bench.of(pod("a", cpu="1"))
    bench.kubelets.pages["n1"] = [line("b", 3)]
    assert await bench.of(pod("b", cpu="1")) == {WEB: 3}
    bench.kubelets.pages["n1"] = [line("b", 1)]
    assert await bench.of(pod("b", cpu="1")) == {WEB: 4}


async def test_sums_and_other_series_and_broken_lines_are_passed_over(bench: Bench) -> None:
    bench.kubelets.pages["n1"] = [line("a", 4)]
    await bench.of(pod("a", cpu="1"))
    bench.kubelets.pages["n1"] = [
        "# HELP nothing", line("a", 99, ""), line("a", 99, "POD"),
        line("a", 99, series="container_cpu_cfs_periods_total"), line("a", float("nan")), line("a", float("inf")),
        f"{NAME}{{broken", line("a", 6), line("a", 1, "sidecar"),
    ]  # fmt: skip
    assert await bench.of(pod("a", cpu="1")) == {WEB: 3}


async def test_nodes_are_asked_now_and_then_and_only_where_something_is_limited(bench: Bench) -> None:
    assert await bench.of(pod("free"), pod("else", "n2")) == {}
    assert bench.kubelets.asked == []
    bench.kubelets.pages["n1"] = [line("a", 4)]
    await bench.of(pod("a", cpu="1"))
    assert await bench.counts.of([pod("a", cpu="1")], {WEB: ["shop/a"]}) == {WEB: 0}
    assert bench.kubelets.asked == ["n1"]


async def test_a_node_that_gives_none_is_left_alone_for_a_while_and_nothing_is_claimed_of_it(bench: Bench) -> None:
    bench.kubelets.pages.clear()
    assert await bench.of(pod("a", cpu="1")) == {}
    assert await bench.of(pod("a", cpu="1")) == {}
    assert bench.kubelets.asked == ["n1"]
    bench.clock.advance(AWAY_S)
    await bench.of(pod("a", cpu="1"))
    assert bench.kubelets.asked == ["n1", "n1"]
