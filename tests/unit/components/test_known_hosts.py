"""Which hosts an AI client may have asked while it plans: those that people brought in, and no way out for words."""

from dataclasses import dataclass, field

import pytest

from opstwin.control.component_planning import ComponentPlanner
from opstwin.control.known_hosts import KnownHosts
from opstwin.control.written_hosts import written_hosts
from opstwin.domain.plan import Plan
from opstwin.domain.target import Target
from opstwin.domain.values import TargetId
from opstwin.errors import Forbidden, InvalidInput
from opstwin.settings import Settings
from opstwin.targets.probing import HttpProber
from opstwin.targets.scripted_prober import REFUSED, ScriptedProber
from tests.rig import ANNA, LOCAL, ROBOT
from tests.unit.components.conftest import Site, document

STRANGE = "http://s3cr3t-words.attacker.example"
OWN = "http://controller.shop.example:18080"


@dataclass
class NameServer:
    """Resolves every name to an address where nobody is, and remembers what it was asked."""

    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return []


def scripted(site: Site) -> tuple[ComponentPlanner, ScriptedProber]:
    prober = ScriptedProber({f"{url}/health": REFUSED for url in (OWN, STRANGE, "http://10.9.9.9:18080")})
    return site.planner_with(prober), prober


@pytest.mark.proves("E5")
@pytest.mark.parametrize("url", [STRANGE, "http://10.9.9.9:18080", "http://[2001:db8::9]", "http://intranet"])
async def test_a_host_that_nobody_brought_in_is_not_even_looked_up_for_an_ai_client(site: Site, url: str) -> None:
    servers = NameServer()
    planner = site.planner_with(HttpProber(resolve=servers))
    with pytest.raises(Forbidden, match="is not known to the hub") as caught:
        await planner.plan(document(endpoint=url), None, None, ROBOT)
    assert "opstwin plan -f FILE" in caught.value.next_step
    with pytest.raises(Forbidden):
        await planner.plan(document(), url, None, ROBOT)
    with pytest.raises(Forbidden):
        await planner.discover_endpoint(url, ROBOT)
    assert (servers.asked, await site.rig.ledger.all(Plan)) == ([], [])
    assert (await planner.discover_endpoint(url, ANNA)).exists is None
    assert len(servers.asked) == 1


@pytest.mark.parametrize("url", ["http://[x", "http://ex\u2100mple.com/"])
async def test_what_is_no_address_is_told_as_that(site: Site, url: str) -> None:
    with pytest.raises(InvalidInput):
        await site.planner_with(HttpProber(resolve=NameServer())).discover_endpoint(url, ROBOT)


async def test_one_strange_host_in_a_file_and_none_of_its_hosts_is_asked(site: Site) -> None:
    planner, prober = scripted(site)
    await planner.plan(document(endpoint=OWN), None, None, ANNA)
    asked = list(prober.asked)
    both = {"components": {**document(endpoint=OWN)["components"], **document("other", endpoint=STRANGE)["components"]}}  # type: ignore[dict-item]
    with pytest.raises(Forbidden, match="attacker"):
        await planner.plan(both, None, None, ROBOT)
    assert prober.asked == asked


async def test_what_a_person_planned_once_an_ai_client_may_name_from_then_on(site: Site) -> None:
    planner, _ = scripted(site)
    with pytest.raises(Forbidden):
        await planner.plan(document(endpoint=OWN), None, None, ROBOT)
    assert (await planner.plan(document(endpoint=OWN), None, None, ANNA)).mode == "bootstrap"
    assert (await planner.plan(document(endpoint=OWN), None, None, ROBOT)).mode == "bootstrap"
    with pytest.raises(Forbidden):
        await planner.plan(document(endpoint=STRANGE), None, None, ROBOT)


async def test_what_an_ai_client_planned_makes_its_host_known_only_when_a_person_approved_it(site: Site) -> None:
    planner, _ = scripted(site)
    plan = await planner.plan(
        document(endpoint=OWN), None, None, ROBOT, named=written_hosts([f"bring the network up at {OWN}"])
    )
    with pytest.raises(Forbidden):
        await planner.plan(document(endpoint=OWN), None, None, ROBOT)
    await site.rig.approved(plan)
    assert (await planner.plan(document(endpoint=OWN), None, None, ROBOT)).mode == "bootstrap"


async def test_the_agent_may_have_asked_what_the_person_it_acts_for_named(site: Site) -> None:
    planner, _ = scripted(site)
    named = written_hosts([f"{OWN}에 network를 배포해줘"])
    assert (await planner.plan(document(endpoint=OWN), None, None, ROBOT, named=named)).mode == "bootstrap"
    with pytest.raises(Forbidden):
        await planner.plan(document(endpoint=STRANGE), None, None, ROBOT, named=named)
    assert (await planner.discover_endpoint(OWN, ROBOT, named)).exists is None


async def test_the_host_of_a_target_is_known(site: Site) -> None:
    there = Target(
        id=TargetId("edge"), display_name="Edge", backend_type="docker", agent_endpoint="tcp://edge.example:2375",
        created_at=site.rig.clock.now(),
    )  # fmt: skip
    await site.rig.put(there)
    hosts = KnownHosts(site.rig.ledger)
    await hosts.check("http://edge.example:18080/health", ROBOT)
    with pytest.raises(Forbidden):
        await hosts.check("http://edge.example.attacker.example/health", ROBOT)
    with pytest.raises(Forbidden):
        await hosts.check(f"http://{LOCAL}", ROBOT)


async def test_an_address_that_the_settings_list_may_be_named(site: Site) -> None:
    listed = Settings(allowed_agent_endpoints=("10.1.0.0/16", "10.2.0.5:8080"))
    hosts = KnownHosts(site.rig.ledger, listed.agent_places)
    for url in ("http://10.1.2.3/health", "http://10.2.0.5:8080/health"):
        await hosts.check(url, ROBOT)
    for url in ("http://10.3.2.3/health", "http://10.2.0.5:8081/health"):
        with pytest.raises(Forbidden):
            await hosts.check(url, ROBOT)
