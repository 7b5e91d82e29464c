"""Every component keeps the port's promises, without any infrastructure."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from opstwin.catalog.component import Component, Context, Settings
from opstwin.catalog.endpoint import endpoint_of
from opstwin.catalog.loading import entry_of, load
from opstwin.domain.resource import Health, Observed, Presence
from opstwin.domain.values import ResourceId, TargetId
from opstwin.errors import InvalidInput
from tests.unit.catalog.plugin_source import page

SETTINGS = Settings(name="network", id="network", endpoint=endpoint_of("127.0.0.1:18080"), version="1")
CATALOG = load()
COMPONENTS = [*CATALOG.parts(), *entry_of("demo", page()).parts]
every_component = pytest.mark.parametrize("component", COMPONENTS, ids=lambda item: item.about.name)
pytestmark = [pytest.mark.usefixtures("no_infrastructure"), pytest.mark.req("S1.35")]


def seen(name: str, health: Health = Health.HEALTHY, presence: Presence = Presence.PRESENT) -> Observed:
    return Observed(
        id=ResourceId(f"local/container/{name}"), target=TargetId("local"), kind="container", name=name,
        presence=presence, health=health, observed_at=datetime(2026, 1, 5, tzinfo=UTC),
    )  # fmt: skip


def test_there_are_components_to_check() -> None:
    assert {item.about.name for item in COMPONENTS} >= {
        "hub-and-spoke-controller", "hub-and-spoke-router", "demo-page"
    }  # fmt: skip


class TestPluginContract:
    """S1.27 to S1.30: Deploy, HealthCheck, CheckExistence and Upgrade of the seed's interface."""

    @every_component
    @pytest.mark.parametrize("owned", [True, False])
    @pytest.mark.req("S1.27")
    def test_plugin_contract_deploy(self, component: Component, owned: bool) -> None:
        context = Context(owned=owned)
        workloads = component.desired(SETTINGS, context)
        assert workloads
        assert workloads == component.desired(SETTINGS, context), "the same settings give the same workloads"
        for workload in workloads:
            assert workload.name.startswith("network-")
            assert workload.health is not None, "a plan is verified by health"
        moved = component.desired(replace(SETTINGS, name="other"), context)
        assert not {item.name for item in moved} & {item.name for item in workloads}

    @every_component
    @pytest.mark.req("S1.28")
    def test_plugin_contract_health(self, component: Component) -> None:
        name = f"network-{component.about.kind}-1"
        assert component.health(SETTINGS, [seen(name)]) is Health.HEALTHY
        assert component.health(SETTINGS, [seen(name, Health.UNHEALTHY)]) is Health.UNHEALTHY
        assert component.health(SETTINGS, [seen(name, Health.STARTING)]) is Health.STARTING
        assert component.health(SETTINGS, [seen(name, Health.STOPPED)]) is Health.STOPPED
        assert component.health(SETTINGS, []) is Health.UNHEALTHY
        assert component.health(SETTINGS, [seen(name, presence=Presence.UNKNOWN)]) is Health.UNKNOWN

    @every_component
    @pytest.mark.req("S1.29")
    def test_plugin_contract_check_existence(self, component: Component) -> None:
        probe = component.existence(SETTINGS)
        assert probe.workload in {item.name for item in component.desired(SETTINGS, Context(owned=True))}
        assert probe.url or component.about.kind != "controller"
        if probe.url:
            assert probe.url.startswith("http://127.0.0.1:18080/")
            assert probe.identity is not None
            assert probe.identity.id == "network"

    @every_component
    @pytest.mark.req("S1.30")
    def test_plugin_contract_upgrade(self, component: Component) -> None:
        newest = component.about.version
        assert component.upgrade(newest, newest) == ()
        if newest != "1":
            assert component.upgrade("1", newest)[-1] == newest
        with pytest.raises(InvalidInput):
            component.upgrade("1", "no-such-version")


@pytest.mark.req("S1.30")
def test_the_example_goes_from_1_to_2_and_never_back() -> None:
    controller, router = load().need("hub-and-spoke").parts
    for component in (controller, router):
        assert component.upgrade("1", "2") == ("2",)
        assert component.upgrade("2", "2") == ()
        with pytest.raises(InvalidInput, match="no way back"):
            component.upgrade("2", "1")


def test_routers_missing_or_too_few_are_unhealthy() -> None:
    router = load().need("hub-and-spoke").parts[1]
    two = replace(SETTINGS, values={"routers": 2})
    assert router.health(two, [seen("network-router-1")]) is Health.UNHEALTHY
    assert router.health(two, [seen("network-router-1"), seen("network-router-2")]) is Health.HEALTHY


@pytest.mark.parametrize(
    ("endpoint", "address"),
    [("http://127.0.0.1:18080", "127.0.0.1"), ("http://localhost:81", "127.0.0.1"), ("http://10.0.0.5", "0.0.0.0")],
)
def test_the_controller_is_published_no_wider_than_its_endpoint(endpoint: str, address: str) -> None:
    controller = load().need("hub-and-spoke").parts[0]
    (workload,) = controller.desired(replace(SETTINGS, endpoint=endpoint_of(endpoint)), Context(owned=True))
    assert [port.address for port in workload.ports] == [address]
    assert [port.host for port in workload.ports] == [endpoint_of(endpoint).port]


def test_what_people_write_never_becomes_part_of_the_script() -> None:
    controller = load().need("hub-and-spoke").parts[0]
    plain = controller.desired(SETTINGS, Context(owned=True))[0]
    odd = controller.desired(replace(SETTINGS, id="$(reboot)", version="`id`"), Context(owned=True))[0]
    assert odd.command == plain.command
    assert "$(reboot)" in odd.env["IDENTITY"]


@pytest.mark.parametrize("routers", [0, -1, 10**9, 1.5, "2", True, None, [2]])
def test_a_number_of_routers_that_is_none_is_named(routers: object) -> None:
    router = load().need("hub-and-spoke").parts[1]
    wrong = replace(SETTINGS, values={"routers": routers})  # type: ignore[dict-item]  # bad input on purpose
    with pytest.raises(InvalidInput) as caught:
        router.desired(wrong, Context(owned=True))
    assert caught.value.field == "components.network.routers"
