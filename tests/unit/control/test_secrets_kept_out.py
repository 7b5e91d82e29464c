"""Values of variables and settings whose name says secret are kept out of requests, the audit and what people read."""

import pytest

from opstwin.control.confiding import confided
from opstwin.control.places import Places
from opstwin.domain.audit import AuditRow
from opstwin.domain.plan import Origin, Plan
from opstwin.domain.plan_text import plan_lines
from opstwin.errors import InvalidInput
from tests.rig import ANNA, LOCAL, Rig, app

SECRET = "hunter2"


@pytest.fixture
async def rig() -> Rig:
    rig = await Rig().ready()
    await rig.change_to(app())
    return rig


async def written(rig: Rig) -> str:
    """The whole audit as text."""
    return repr(await rig.ledger.all(AuditRow))


@pytest.mark.parametrize(
    "words",
    [
        f"set env DB_PASSWORD={SECRET} on web",
        f"set DB_PASSWORD to {SECRET} on web",
        f"deploy app:1 as shop env API_KEY={SECRET}",
    ],
)
async def test_a_secret_in_a_request_stays_out_of_the_request_the_audit_and_the_text(rig: Rig, words: str) -> None:
    plan = await rig.plan(words)
    assert SECRET not in plan.request
    assert "***" in plan.request
    assert SECRET not in await written(rig)
    for language in ("en", "ko"):
        text = "\n".join(plan_lines(plan, language))
        assert SECRET not in text
        assert ("(secret)" if language == "en" else "(비밀 값)") in text
    assert SECRET in repr(plan.changes), "it is needed to apply"
    assert any("secret_env" in note for note in plan.notes)
    assert SECRET not in repr(plan.notes)


async def test_a_request_without_secrets_is_kept_word_for_word(rig: Rig) -> None:
    words = "set LOG_LEVEL=debug on web"
    plan = await rig.plan(words)
    assert plan.request == words
    assert '"debug"' in "\n".join(plan_lines(plan))
    assert not any("secret_env" in note for note in plan.notes)
    assert confided("scale token-api to 3") == "scale token-api to 3"


async def test_a_password_in_an_address_is_masked_too(rig: Rig) -> None:
    plan = await rig.plan(f"set URL=postgres://app:{SECRET}@db/app on web")
    assert SECRET not in plan.request + "\n".join(plan_lines(plan)) + await written(rig)


async def test_a_components_request_is_kept_to_be_read_again_and_masked_in_the_audit(rig: Rig) -> None:
    request = 'components: {"settings":{"admin_password":"hunter2","port":"80"}}'
    plan = await rig.planner.from_workloads(LOCAL, [app("c")], request=request, origin=Origin.COMPONENT, actor=ANNA)
    assert (await rig.ledger.need(Plan, plan.id)).request == request
    assert SECRET not in await written(rig)
    assert '"port":"80"' in await written(rig)


async def test_settings_of_a_target_that_look_secret_are_masked_in_the_audit(rig: Rig) -> None:
    places = Places(rig.ledger, rig.places)
    settings = {"registry_token": SECRET, "context": "lab"}
    fields = {
        "id": "shop", "display_name": "Shop", "backend_type": "sim", "agent_endpoint": "sim://shop",
        "settings": settings,
    }  # fmt: skip
    rig.places.worlds["shop"] = rig.world
    stored = await places.add(fields, ANNA)
    await places.update("shop", {"display_name": "Shop 2"}, ANNA)
    assert stored.settings == settings
    assert SECRET not in await written(rig)
    assert "lab" in await written(rig)


def test_a_setting_of_the_hub_is_given_to_no_workload_and_that_is_said_before_anything_is_planned() -> None:
    with pytest.raises(InvalidInput, match="is a setting of the hub itself") as caught:
        app(secret_env={"DSN": "env:OPSTWIN_DATABASE_URL"})
    assert caught.value.field == "secret_env"
    assert caught.value.next_step
