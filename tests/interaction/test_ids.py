"""Ids and names that try to be paths, commands or other alphabets: refused wherever an id can stand."""

from urllib.parse import quote

import pytest
import pytest_asyncio

from opstwin.tools.all_tools import REGISTRY
from tests.interaction.asgi import Wire, send
from tests.interaction.house import API, House
from tests.interaction.test_permissions import address

pytestmark = pytest.mark.asyncio(loop_scope="module")

CORPUS = [
    "../../etc/passwd", "..", ".", "...", "/etc/passwd", "//etc/passwd", "a/../../b", "..\\..\\windows", "C:\\x",
    "%2e%2e%2f", "%252e%252e", "..%2f..%2f", "%c0%ae%c0%ae/", "a\x00b", "a\nb", "a\r\nX-Injected: 1", "a\tb", " a",
    "a ",
    "-rf", "--kubeconfig=/x", "-s http://evil", "$(reboot)", "`id`", "a;ls", "a|ls", "a&&ls", "a>b", "a'b", 'a"b', "*",
    "{{7*7}}", "${jndi:ldap://x}", "<script>alert(1)</script>", "аdmin", "ａ", "a\u200bb", "a\u202eb", "Ⅸ", "İ",
    "ﬁ",
    "😀", "a" * 5000, "NUL", "CON", "a--b", "-a", "a-", "A", "_", "", "null", "None", "0x10", "1e9", "' OR '1'='1",
    "[1]", "{}", "a%00b", "\ud7ff", "\ufffe", "a#b", "a?b", "a@b:c", "~root", "$HOME", "local/container/../../x",
]  # fmt: skip
"""Some are fine as words elsewhere; none names anything here."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", name="house")
async def shared_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    return await House(tmp_path_factory.mktemp("house")).furnish()


def tools_with_ids() -> list[str]:
    return [tool.name for tool in REGISTRY if tool.route.variables]


@pytest.mark.proves("E4")
@pytest.mark.req("S5.84")
@pytest.mark.parametrize("name", tools_with_ids())
async def test_no_crooked_id_in_an_address_finds_or_breaks_anything(house: House, name: str) -> None:
    tool = REGISTRY[name]
    whole = address(tool)
    audited = len(await house.audit())
    for text in CORPUS:
        for spelled in {quote(text, safe=""), quote(text, safe="/"), quote(text, safe="/.;:@%\\")}:
            path = API + whole.replace("local", spelled).replace("plan_0", spelled).replace("exec_0", spelled)
            path = path.replace("/owner", f"/{spelled}").replace("0" * 64, spelled)
            headers = {"authorization": f"Bearer {house.tokens['owner']}", "content-type": "application/json"}
            if tool.route.if_match:
                headers["if-match"] = '"0"'
            answer = await send(
                house.app, Wire(path, tool.route.method, headers), [b"" if tool.route.method == "GET" else b"{}"]
            )
            assert answer.status in (400, 404, 405, 409, 422), (path, answer.status, answer.body[:200])
            assert answer.json()["code"]
            assert "x-injected" not in answer.headers
    assert not house.effects
    assert all(row.outcome == "refused" for row in (await house.audit())[audited:])


@pytest.mark.proves("E4")
@pytest.mark.parametrize(
    "field", ["id", "agent_endpoint", "backend_type", "connection_type", "auth_method", "display_name"]
)
async def test_no_crooked_text_becomes_a_field_of_a_target(house: House, field: str) -> None:
    good = {
        "id": "lab",
        "display_name": "Lab",
        "backend_type": "sim",
        "agent_endpoint": "sim://lab",
        "is_active": False,
    }
    harmless = {"display_name"}
    async with house.caller() as client:
        for text in CORPUS:
            if field == "id" and text in ("null", "0x10", "1e9"):
                continue  # words like any other
            answer = await client.post("/targets", {**good, field: text})
            if field in harmless and answer.status_code == 201:
                assert text == answer.json()["display_name"]
                assert text.isprintable()
                break
            assert answer.status_code in (422, 409), (field, text, answer.text)
            assert answer.json()["details"].get("field", field) in (field, "body")


@pytest.mark.proves("E4")
@pytest.mark.parametrize("field", ["name", "image", "networks", "volumes", "env", "needs", "command"])
async def test_no_crooked_text_in_a_workload_reaches_a_path_or_a_command(house: House, field: str) -> None:
    """Names are refused; what may be any text (a variable's value, a word of a command) stays that text in the plan."""
    import json

    effects = len(house.effects)
    async with house.caller() as client:
        for text in CORPUS:
            workload: dict[str, object] = {"name": "web", "image": "app:1"}
            value = {
                "networks": [text], "volumes": [f"{text}:/data"], "env": {"KEY": text}, "needs": [text],
                "command": [text],
            }.get(field, text)  # fmt: skip
            workload[field] = value
            answer = await client.post("/plans", {"file": json.dumps(workload)})
            assert answer.status_code in (201, 409, 422, 429), (field, text, answer.text)
            if answer.status_code == 201:
                _check_literal(answer.json(), field, text)
    assert len(house.effects) == effects


def _check_literal(plan: dict[str, object], field: str, text: str) -> None:
    changes = plan["changes"]
    assert isinstance(changes, list)
    [container] = [item for item in changes if item["kind"] == "container"]
    if field == "env":
        assert container["after"]["env"]["KEY"] == text
    elif field == "command":
        assert container["after"]["command"] == [text]
    elif field == "volumes":
        assert ".." not in str(container["after"]["mounts"])
    assert container["name"] == f"{plan['workloads'][0]['name']}-1"  # type: ignore[index]
    assert str(container["name"]).replace("-", "").isalnum()
    lines = plan["lines"]
    assert isinstance(lines, list)
    assert all(line.isprintable() for line in lines)
