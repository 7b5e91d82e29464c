"""Every bad input gets an error that names what is wrong and what to do next, and nothing happens."""

import json

import pytest

from opstwin.cli.exits import Exit
from tests.e2e.cli.conftest import Shell

FILES = {
    "replicas 0": ("name: web\nimage: nginx:1.27\nreplicas: 0\n", "replicas"),
    "replicas -1": ("name: web\nimage: nginx:1.27\nreplicas: -1\n", "replicas"),
    "replicas 10^9": ("name: web\nimage: nginx:1.27\nreplicas: 1000000000\n", "replicas"),
    "too little memory": ("name: web\nimage: nginx:1.27\nresources: {memory: 1Mi}\n", "memory"),
    "unknown key": ("name: web\nimage: nginx:1.27\nreplcas: 2\n", "replcas"),
    "duplicate key": ("name: web\nname: web\nimage: nginx:1.27\n", "name"),
    "name with --": ("name: a--b\nimage: nginx:1.27\n", "name"),
    "name as option": ("name: --kubeconfig=/x\nimage: nginx:1.27\n", "name"),
    "name as path": ("name: ../../etc\nimage: nginx:1.27\n", "name"),
    "name with newline": ('name: "web\\nrm"\nimage: nginx:1.27\n', "name"),
    "name with a look-alike": ("name: wеb\nimage: nginx:1.27\n", "name"),
    "shell in image": ('name: web\nimage: "nginx:1.27; rm -rf /"\n', "image"),
    "command substitution in image": ('name: web\nimage: "$(id)"\n', "image"),
    "image as option": ("name: web\nimage: --privileged\n", "image"),
    "secret by value": ("name: web\nimage: nginx:1.27\nsecret_env: {PASSWORD: hunter2-canary}\n", "secret"),
    "path with ..": ("name: web\nimage: nginx:1.27\nvolumes: ['data:/../etc']\n", "volumes"),
    "alias bomb": (
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{c}: &{c} [{','.join(['*' + p] * 9)}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True)),
        "",
    ),
    "no mapping": ("just words\n", ""),
    "port 70000": ("name: web\nimage: nginx:1.27\nports: ['70000:80']\n", "port"),
    "compose build": ("services: {web: {build: .}}\n", "build"),
    "compose privileged": ("services: {web: {image: 'nginx:1.27', privileged: true}}\n", "privileged"),
}  # fmt: skip


@pytest.mark.proves("E2", "E3", "E4", "E7")
@pytest.mark.parametrize("case", FILES)
def test_a_bad_file_is_refused_by_name_with_the_next_step_and_nothing_happens(shell_once: Shell, case: str) -> None:
    text, named = FILES[case]
    ended = shell_once.run("plan", "-f", shell_once.file("bad.yaml", text), "-o", "json")
    assert ended.returncode == Exit.ERROR, ended.stdout
    assert ended.stdout == ""
    error = json.loads(ended.stderr)["error"]
    assert error["code"] in ("invalid_input", "limit_exceeded", "unclear")
    assert named in json.dumps(error)
    assert error["next_step"]
    assert "canary" not in ended.stderr
    assert shell_once.world.effects == ()


@pytest.mark.proves("E3")
@pytest.mark.parametrize(
    "words",
    [
        "--kubeconfig=/x",
        "-s http://evil",
        "deploy --privileged as web",
        "delete --all",
        "scale web to -1",
        "deploy nginx:1.27 as ../web",
    ],
)
def test_words_that_look_like_options_or_paths_are_not_obeyed(shell_once: Shell, words: str) -> None:
    ended = shell_once.run("plan", "-o", "json", "--", words)
    assert ended.returncode == Exit.ERROR
    assert json.loads(ended.stderr)["error"]["code"] in ("invalid_input", "unclear", "not_found")


@pytest.mark.parametrize(
    "id", ["plan_x/../../me", "plan_%2e%2e", "..", "plan_'; drop table plan;--", "plan_" + "x" * 5000]
)
@pytest.mark.proves("E4")
def test_ids_are_looked_up_and_nothing_else(shell_once: Shell, id: str) -> None:
    ended = shell_once.run("show", "-o", "json", "--", id)
    assert ended.returncode == Exit.ERROR
    assert json.loads(ended.stderr)["error"]["code"] in ("invalid_input", "not_found", "error", "limit_exceeded")


def test_a_port_that_is_taken_is_named_with_its_holder_before_anything_happens(shell_once: Shell) -> None:
    ended = shell_once.run("plan", "deploy postgres:16 as db on port 5432", "-o", "json")
    assert ended.returncode == Exit.ERROR
    assert "legacy-db" in ended.stderr


def test_a_name_of_a_container_that_is_not_ours_names_adopt(shell_once: Shell) -> None:
    shell_once.world.run("cache-1", "redis:7")
    shell_once.ok("discover", "local")
    ended = shell_once.run("plan", "deploy redis:7 as cache")
    assert ended.returncode == Exit.ERROR
    assert "opstwin adopt local/container/cache-1" in ended.stderr


@pytest.mark.req("S5.118")
def test_a_target_that_is_away_is_said_with_the_next_step_and_planned_for_by_nobody(shell: Shell) -> None:
    shell.ok("targets", "add", "far", "--endpoint", "unix:///nowhere/docker.sock")
    ended = shell.run("plan", "deploy nginx:1.27 as web on far")
    assert ended.returncode == Exit.UNREACHABLE
    assert "opstwin discover far" in ended.stderr
