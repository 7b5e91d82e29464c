"""English sentences that are read, and what they ask for."""

import pytest

from opstwin.domain.ask import Action, Ask, Scaling
from opstwin.domain.workload import Autoscale, Mount, Port, Resources, Workload
from opstwin.errors import Unclear
from opstwin.intent.words import read_request

MI = 2**20


def deploy(name: str, image: str, target: str | None = None, **parts: object) -> Ask:
    return Ask(
        action=Action.DEPLOY,
        name=name,
        target=target,
        workload=Workload(name=name, image=image, **parts),  # type: ignore[arg-type]
    )


def ask(action: str, name: str = "web", **parts: object) -> Ask:
    return Ask(action=Action(action), name=name, **parts)  # type: ignore[arg-type]


API = "registry.example.com/team/api:2.4"
DIGEST = "nginx@sha256:" + "a" * 64

SENTENCES: dict[str, Ask] = {
    # deploy
    "deploy nginx:1.27 as web": deploy("web", "nginx:1.27"),
    "Deploy nginx:1.27 as web.": deploy("web", "nginx:1.27"),
    "please deploy nginx:1.27 as web": deploy("web", "nginx:1.27"),
    "deploy nginx:1.27 as web with 2 replicas on port 8080": deploy(
        "web", "nginx:1.27", replicas=2, ports=(Port(host=8080),)
    ),
    "deploy nginx:1.27 as web with two copies": deploy("web", "nginx:1.27", replicas=2),
    "deploy 3 replicas of nginx:1.27 as web": deploy("web", "nginx:1.27", replicas=3),
    "deploy redis:7 as cache on prod with 256Mi memory and 0.5 cpu": deploy(
        "cache", "redis:7", "prod", resources=Resources(cpu_millicores=500, memory_bytes=256 * MI)
    ),
    "deploy redis:7 as cache with 1Gi of memory, 500m cpu": deploy(
        "cache", "redis:7", resources=Resources(cpu_millicores=500, memory_bytes=1024 * MI)
    ),
    "run api from registry.example.com/team/api:2.4 port 8080:80 env LOG_LEVEL=info volume data:/data": deploy(
        "api",
        API,
        ports=(Port(host=8080, container=80),),
        env={"LOG_LEVEL": "info"},
        volumes=(Mount(path="/data", volume="data"),),
    ),
    "on prod, deploy nginx:1.27 as web": deploy("web", "nginx:1.27", "prod"),
    "deploy nginx:1.27 as web to prod": deploy("web", "nginx:1.27", "prod"),
    "deploy nginx:1.27 named web to target prod": deploy("web", "nginx:1.27", "prod"),
    "deploy web using nginx:1.27 on the staging target": deploy("web", "nginx:1.27", "staging"),
    "create web with image nginx:1.27": deploy("web", "nginx:1.27"),
    f"launch {DIGEST} called web": deploy("web", DIGEST),
    "deploy nginx:1.27 as web on ports 8080 and 8443:443": deploy(
        "web", "nginx:1.27", ports=(Port(host=8080), Port(host=8443, container=443))
    ),
    "deploy dns:1 as dns port 127.0.0.1:5353:53/udp": deploy(
        "dns", "dns:1", ports=(Port(host=5353, container=53, protocol="udp", address="127.0.0.1"),)
    ),
    "deploy nginx:1.27 as web env A=1, B=x=y and C=": deploy("web", "nginx:1.27", env={"A": "1", "B": "x=y", "C": ""}),
    "deploy db:1 as db volumes data:/data and /srv/conf:/etc/db:ro": deploy(
        "db",
        "db:1",
        volumes=(Mount(path="/data", volume="data"), Mount(path="/etc/db", host_path="/srv/conf", read_only=True)),
    ),
    "deploy registry.example.com:5000/team/api:2.4 as api": deploy("api", "registry.example.com:5000/team/api:2.4"),
    "deploy nginx:latest as web": deploy("web", "nginx:latest"),
    # scale
    "scale web to 5": ask("scale", replicas=5),
    "scale web to five replicas": ask("scale", replicas=5),
    "scale up web to 5": ask("scale", replicas=5),
    "scale web down to 1 on prod": ask("scale", replicas=1, target="prod"),
    "scale the replicas of web to 4": ask("scale", replicas=4),
    "set web to 5 replicas": ask("scale", replicas=5),
    "set web replicas to 3": ask("scale", replicas=3),
    "set replicas of web to 3": ask("scale", replicas=3),
    "reduce web to 1 replica": ask("scale", replicas=1),
    "increase web's replicas to 4 on the prod cluster": ask("scale", replicas=4, target="prod"),
    # upgrade
    "bump web to nginx:1.28": ask("upgrade", image="nginx:1.28"),
    "upgrade web to nginx:1.28": ask("upgrade", image="nginx:1.28"),
    "upgrade web on prod to nginx:1.28": ask("upgrade", image="nginx:1.28", target="prod"),
    "update web image to nginx:1.28": ask("upgrade", image="nginx:1.28"),
    "update the image of web to nginx:1.28 on prod": ask("upgrade", image="nginx:1.28", target="prod"),
    "change web to image nginx:1.28": ask("upgrade", image="nginx:1.28"),
    "downgrade web to nginx:1.26": ask("upgrade", image="nginx:1.26"),
    # scaling by use
    "deploy nginx:1.27 as web on prod with autoscaling": deploy("web", "nginx:1.27", "prod", autoscale=Autoscale()),
    "deploy nginx:1.27 as web on prod with autoscaling between 2 and 6": deploy(
        "web", "nginx:1.27", "prod", replicas=2, autoscale=Autoscale(minimum=2, maximum=6)
    ),
    "deploy nginx:1.27 as web with autoscaling at 60% cpu on port 8080": deploy(
        "web", "nginx:1.27", ports=(Port(host=8080),), autoscale=Autoscale(cpu_percent=60)
    ),
    "deploy nginx:1.27 as web with 3 replicas and autoscaling at least 2, at most 6 replicas": deploy(
        "web", "nginx:1.27", replicas=3, autoscale=Autoscale(minimum=2, maximum=6)
    ),
    "autoscale web": ask("autoscale", scaling=Scaling()),
    "autoscale web between 2 and 6": ask("autoscale", scaling=Scaling(minimum=2, maximum=6)),
    "auto scale web from two to six replicas on prod": ask(
        "autoscale", scaling=Scaling(minimum=2, maximum=6), target="prod"
    ),
    "autoscale web at 80 percent of cpu": ask("autoscale", scaling=Scaling(cpu_percent=80)),
    "add autoscaling to web": ask("autoscale", scaling=Scaling()),
    "set autoscaling of web between 2 and 6": ask("autoscale", scaling=Scaling(minimum=2, maximum=6)),
    "stop autoscaling web": ask("stop_autoscale"),
    "remove autoscaling from web": ask("stop_autoscale"),
    "stop autoscaling of web on prod": ask("stop_autoscale", target="prod"),
    # move and copy
    "move web to prod": ask("move", target="prod"),
    "move web from local to the prod cluster": ask("move", source="local", target="prod"),
    "move web to prod with autoscaling between 2 and 6": ask(
        "move", target="prod", scaling=Scaling(minimum=2, maximum=6)
    ),
    "copy web to prod": ask("copy", target="prod"),
    "on prod, copy web": ask("copy", target="prod"),
    "scale web to 1 copy": ask("scale", replicas=1),
    "move web": ask("move"),
    "move the compose app to prod with autoscaling": ask(
        "move", "", whole_project=True, target="prod", scaling=Scaling()
    ),
    "move the compose app shop to prod": ask("move", "shop", whole_project=True, target="prod"),
    "copy the shop compose app from local to prod": ask(
        "copy", "shop", whole_project=True, source="local", target="prod"
    ),
    "move compose project shop to prod": ask("move", "shop", whole_project=True, target="prod"),
    # restart, stop, start
    "restart web": ask("restart"),
    "Restart the web service, please!": ask("restart"),
    "restart web on target staging": ask("restart", target="staging"),
    "restart web in prod": ask("restart", target="prod"),
    "stop web": ask("stop"),
    "shut down web": ask("stop"),
    "start web": ask("start"),
    "resume web on prod": ask("start", target="prod"),
    # delete
    "delete web": ask("delete"),
    "delete web on prod": ask("delete", target="prod"),
    "remove web and its data": ask("delete", with_volumes=True),
    "delete web with its volumes on staging": ask("delete", with_volumes=True, target="staging"),
    "delete web including all data and volumes": ask("delete", with_volumes=True),
    "delete web but keep its data": ask("delete"),
    # roll back
    "roll back web": ask("rollback"),
    "rollback web on prod": ask("rollback", target="prod"),
    "roll web back": ask("rollback"),
    "revert web": ask("rollback"),
    "undo the last change to web": ask("rollback"),
    "roll back web to the previous version": ask("rollback"),
    # expose
    "expose web on port 9090": ask("expose", ports=(Port(host=9090),)),
    "expose web on 9090:80": ask("expose", ports=(Port(host=9090, container=80),)),
    "open port 9090 on web": ask("expose", ports=(Port(host=9090),)),
    "publish port 9090 of web on prod": ask("expose", ports=(Port(host=9090),), target="prod"),
    "add port 9090 to web": ask("expose", ports=(Port(host=9090),)),
    # environment
    "set LOG_LEVEL=debug on web": ask("set_env", env={"LOG_LEVEL": "debug"}),
    "set LOG_LEVEL=debug on web on prod": ask("set_env", env={"LOG_LEVEL": "debug"}, target="prod"),
    "on prod set LOG_LEVEL=debug for web": ask("set_env", env={"LOG_LEVEL": "debug"}, target="prod"),
    "set LOG_LEVEL to debug on web": ask("set_env", env={"LOG_LEVEL": "debug"}),
    "set web env LOG_LEVEL=debug and RATE=5": ask("set_env", env={"LOG_LEVEL": "debug", "RATE": "5"}),
    "add env A=1 to web": ask("set_env", env={"A": "1"}),
    "set env replicas=5 on web": ask("set_env", env={"replicas": "5"}),
    "set URL=http://x.example/?a=b&c=d;e on web": ask("set_env", env={"URL": "http://x.example/?a=b&c=d;e"}),
    "unset DEBUG on web": ask("set_env", unset_env=("DEBUG",)),
    "unset DEBUG and LOG_LEVEL on web": ask("set_env", unset_env=("DEBUG", "LOG_LEVEL")),
    "remove env DEBUG from web": ask("set_env", unset_env=("DEBUG",)),
    # resources
    "give web 512Mi memory and 500m cpu": ask(
        "set_resources", resources=Resources(cpu_millicores=500, memory_bytes=512 * MI)
    ),
    "set web memory to 512Mi": ask("set_resources", resources=Resources(memory_bytes=512 * MI)),
    "set the memory of web to 512Mi on prod": ask(
        "set_resources", resources=Resources(memory_bytes=512 * MI), target="prod"
    ),
    "limit web to 1GB memory": ask("set_resources", resources=Resources(memory_bytes=10**9)),
    "set web’s memory to 512Mi": ask("set_resources", resources=Resources(memory_bytes=512 * MI)),
    "raise the memory of web to 1Gi": ask("set_resources", resources=Resources(memory_bytes=1024 * MI)),
    "lower web cpu to 250m": ask("set_resources", resources=Resources(cpu_millicores=250)),
    "set cpu of web to 2": ask("set_resources", resources=Resources(cpu_millicores=2000)),
}


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES.items(), ids=SENTENCES.keys())
def test_a_sentence_is_read_as_what_it_says(sentence: str, expected: Ask) -> None:
    assert read_request(sentence) == expected


def test_spaces_around_and_between_do_not_matter() -> None:
    assert read_request("  restart \u00a0 web  ") == ask("restart")


def test_a_dangerous_looking_value_stays_a_literal_text() -> None:
    assert read_request("set A=$(id)|&&../x on web").env == {"A": "$(id)|&&../x"}


POLITE = [
    "can you restart web",
    "can you restart web?",
    "could you please restart web?",
    "would you restart web, please?",
    "I want to restart web",
    "I'd like to restart web",
    "we need to restart web",
    "let's restart web",
    "please restart web for me",
    "restart web, thanks",
    "ok, please restart web right now",
    "go ahead and restart web",
]


@pytest.mark.parametrize("text", POLITE)
def test_a_polite_request_asks_for_the_same_as_the_bare_one(text: str) -> None:
    assert read_request(text) == read_request("restart web")


@pytest.mark.parametrize("text", ["restart web?", "should I restart web?", "can web restart?", "did you restart web?"])
def test_a_question_mark_without_courtesy_is_no_request(text: str) -> None:
    with pytest.raises(Unclear):
        read_request(text)
