"""A log whose secrets the hub could not look up: whoever searches it is told."""

from pathlib import Path

from opstwin.targets.sim.kube.life.images import Image
from tests.interaction.clustered import clustered
from tests.unit.targets.kubernetes.clusters import deployment

REF = {"env": [{"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "word"}}}]}


async def test_a_search_tells_of_a_secret_that_it_cannot_read_and_finds_the_lines_all_the_same(tmp_path: Path) -> None:
    async with clustered(tmp_path) as home:
        home.cluster.image("web:1", Image(log=("all is well",)))
        home.cluster.create({"kind": "Secret", "metadata": {"name": "db", "namespace": "default"}, "data": {}})
        home.cluster.create(deployment(replicas=1, container=REF))
        home.cluster.advance(30)
        await home.house.services.observer.discover("prod")
        home.cluster.remove("Secret", "default", "db")
        async with home.house.caller("owner") as person:
            found = (await person.get("/logs", subject="web")).json()
    [told] = found["exceptions"]
    assert (told["code"], [item["text"] for item in found["items"]]) == ("not_masked", ["all is well"])
    assert "Secret default/db" in told["reason"]
    assert "Some secrets may stand there bare" in found["summary"]
    assert "could not be read" not in found["summary"]
