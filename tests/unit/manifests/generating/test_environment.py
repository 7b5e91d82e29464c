"""Plain variables go to a ConfigMap, secrets to a Secret by reference, and no secret is ever written down."""

import pytest

from opstwin.domain.workload import Workload
from opstwin.errors import LimitExceeded
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import SecretNeed
from opstwin.manifests.generating.secrecy import is_secret
from tests.unit.manifests.generating.looking import container, document, finding, kinds, made, template

IMAGE = "registry.example.com/shop/api:2"


def api(**values: object) -> Workload:
    return Workload(name="api", image=IMAGE, **values)  # type: ignore[arg-type]


@pytest.mark.req("S5.45")
def test_plain_variables_are_in_the_config_map_and_the_container_reads_them_from_there() -> None:
    result = made(api(env={"LOG_LEVEL": "info", "EMPTY": ""}))
    assert document(result, "ConfigMap")["data"] == {"EMPTY": "", "LOG_LEVEL": "info"}
    assert container(result)["envFrom"] == [
        {"configMapRef": {"name": document(result, "ConfigMap")["metadata"]["name"]}}
    ]
    assert "env" not in container(result)
    assert not result.of_kind("Secret")


@pytest.mark.req("S5.45")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DB_PASSWORD", "hunter22"), ("API_KEY", "abc"), ("AUTH_TOKEN", "t"), ("MYSQL_PWD", "x"), ("JWT_SECRET", "s"),
        ("SIGNING_KEY", "k"), ("DATABASE_URL", "postgres://u:hunter22@db/x"), ("GH", "ghp_0123456789abcdefghij"),
        ("AWS", "AKIAABCDEFGHIJKLMNOP"), ("PEM", "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"),
        ("SESSION", "0123456789abcdef0123456789abcdef"), ("OBSERVED", "•••"), ("SMTP_PASS", "***"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_referred_to_and_never_written(key: str, value: str) -> None:
    result = made(api(env={key: value, "MODE": "full"}))
    assert document(result, "ConfigMap")["data"] == {"MODE": "full"}
    assert container(result)["env"] == [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": "api-secrets", "key": key}}}
    ]
    assert result.secrets == (SecretNeed(secret="api-secrets", key=key, reference=f"env:{key}"),)
    assert document(result, "Secret")["stringData"] == {key: {"secretRef": f"env:{key}"}}
    assert finding(result, "env_secret").field == f"env.{key}"
    assert len(value) < 4 or value not in repr(result)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("LOG_LEVEL", "debug"), ("PASSWORD_FILE", "/run/secrets/db"), ("MONKEY", "banana"), ("API_KEY", ""),
        ("URL", "http://a/b"), ("GIT_COMMIT", "0123456789abcdef0123456789abcdef01234567"), ("USE_AUTH", "true"),
        ("PUBLIC_KEY", "abc"), ("KEYCLOAK_REALM", "shop"), ("CACHE_KEY_PREFIX", "shop"), ("AUTH_URL", "http://a/b"),
    ],
)  # fmt: skip
def test_what_is_no_secret_stays_readable(key: str, value: str) -> None:
    assert not is_secret(key, value)


def test_a_reference_is_kept_as_it_is() -> None:
    result = made(api(secret_env={"DB_PASSWORD": "file:db-password"}))
    assert result.secrets == (SecretNeed(secret="api-secrets", key="DB_PASSWORD", reference="file:db-password"),)


def test_the_secret_itself_can_be_left_to_others_and_is_referred_to_all_the_same() -> None:
    result = made(api(env={"DB_PASSWORD": "hunter22"}), GenerateOptions(with_secret=False))
    assert "Secret" not in kinds(result)
    assert container(result)["env"][0]["valueFrom"]["secretKeyRef"]["key"] == "DB_PASSWORD"
    assert result.secrets


@pytest.mark.parametrize(
    ("command", "hidden"),
    [
        (("redis-server", "--requirepass", "hunter22"), "hunter22"),
        (("app", "--token=hunter22"), "hunter22"),
        (("sh", "-c", "run postgres://u:hunter22@db/x"), "hunter22"),
        (("mysqld", "-phunter22"), "hunter22"),
    ],
)
def test_a_secret_in_the_command_comes_from_the_secret(command: tuple[str, ...], hidden: str) -> None:
    result = made(api(command=command))
    number = len(command) - 1
    assert hidden not in repr(result)
    assert container(result)["args"] == [*command[:-1], f"$(COMMAND_WORD_{number})"]
    assert container(result)["env"][0]["name"] == f"COMMAND_WORD_{number}"
    assert finding(result, "arg_secret").field == f"command[{number}]"


def test_text_of_a_command_that_kubernetes_would_replace_is_escaped() -> None:
    result = made(api(command=("sh", "-c", "echo $(date) $(MODE) $MODE"), env={"MODE": "full"}))
    assert container(result)["args"] == ["sh", "-c", "echo $(date) $$(MODE) $MODE"]


def test_the_images_own_entrypoint_stays() -> None:
    assert "command" not in container(made(api(command=("serve",))))


def test_an_entrypoint_user_and_folder_that_were_asked_for_take_the_place_of_the_images_own() -> None:
    result = made(api(entrypoint=("/start", "--token", "s3cr3t-t0ken-77"), working_dir="/srv", user="1000:100"))
    run = container(result)
    assert run["command"] == ["/start", "--token", "$(ENTRYPOINT_WORD_2)"]
    assert run["workingDir"] == "/srv"
    assert "s3cr3t" not in repr(result)
    pod = template(result)["spec"]["securityContext"]
    assert (pod["runAsUser"], pod["runAsGroup"]) == (1000, 100)


def test_a_changed_variable_changes_the_pods_and_a_changed_secret_reference_does_not_show_it() -> None:
    first, second = (template(made(api(env={"MODE": mode})))["metadata"]["annotations"] for mode in ("full", "half"))
    assert first != second


def test_more_than_a_config_map_holds_is_refused() -> None:
    with pytest.raises(LimitExceeded) as refused:
        made(api(env={f"V{number}": "x" * 32768 for number in range(40)}))
    assert refused.value.details["field"] == "env"
