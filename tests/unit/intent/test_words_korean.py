"""Korean sentences that are read, and what they ask for."""

import unicodedata

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
        language="ko",
    )


def ask(action: str, name: str = "web", **parts: object) -> Ask:
    return Ask(action=Action(action), name=name, language="ko", **parts)  # type: ignore[arg-type]


WEB_2_8080 = deploy("web", "nginx:1.27", replicas=2, ports=(Port(host=8080),))

SENTENCES: dict[str, Ask] = {
    # 배포
    "nginx:1.27을 web이라는 이름으로 2개 복제본, 8080 포트로 배포해줘": WEB_2_8080,
    "nginx:1.27을 web이라는 이름으로 복제본 2개, 포트 8080으로 배포해 주세요.": WEB_2_8080,
    "nginx:1.27을 web으로 두 개 복제본으로 8080번 포트에 배포해줘요": WEB_2_8080,
    "이미지는 nginx:1.27, 이름은 web, 복제본 2개, 포트는 8080으로 배포 부탁드립니다": WEB_2_8080,
    "nginx:1.27 이미지를 web 이름으로 2개 복제본, 8080 포트로 배포": WEB_2_8080,
    "prod에 redis:7을 cache로 배포": deploy("cache", "redis:7", "prod"),
    "redis:7을 cache라는 이름으로 prod에 배포하세요": deploy("cache", "redis:7", "prod"),
    "타깃 staging에 redis:7을 cache로 배포해 줘": deploy("cache", "redis:7", "staging"),
    "staging 타겟에 redis:7을 cache로 띄워줘": deploy("cache", "redis:7", "staging"),
    "redis:7을 cache로 메모리 256Mi, cpu 0.5로 배포해줘": deploy(
        "cache", "redis:7", resources=Resources(cpu_millicores=500, memory_bytes=256 * MI)
    ),
    "redis:7을 cache로 256Mi 메모리와 0.5 CPU로 실행해줘": deploy(
        "cache", "redis:7", resources=Resources(cpu_millicores=500, memory_bytes=256 * MI)
    ),
    "api:2.4를 api로 8080:80 포트, 환경변수 LOG_LEVEL=info, 볼륨 data:/data로 배포해줘": deploy(
        "api",
        "api:2.4",
        ports=(Port(host=8080, container=80),),
        env={"LOG_LEVEL": "info"},
        volumes=(Mount(path="/data", volume="data"),),
    ),
    "prod 서버에 nginx:1.27 컨테이너를 web 이름으로 띄워줘": deploy("web", "nginx:1.27", "prod"),
    "web을 nginx:1.27로 배포해줘": deploy("web", "nginx:1.27"),
    "배포해줘 nginx:1.27을 web으로": deploy("web", "nginx:1.27"),
    # 개수
    "web을 5개로 늘려줘": ask("scale", replicas=5),
    "web을 다섯 개로 늘려 주세요": ask("scale", replicas=5),
    "web을 하나로 줄여줘": ask("scale", replicas=1),
    "web의 복제본을 3개로 변경해줘": ask("scale", replicas=3),
    "web 복제본 수를 3으로 설정": ask("scale", replicas=3),
    "prod의 web을 3개로 확장해줘": ask("scale", replicas=3, target="prod"),
    "web 레플리카를 두개로 맞춰줘": ask("scale", replicas=2),
    "web 개수를 3개로 변경해줘": ask("scale", replicas=3),
    "web을 3개로 스케일 아웃해줘": ask("scale", replicas=3),
    # 이미지
    "web을 nginx:1.28 버전으로 업그레이드해줘": ask("upgrade", image="nginx:1.28"),
    "web을 nginx:1.28로 업그레이드해줘": ask("upgrade", image="nginx:1.28"),
    "web을 nginx:1.28로 업그레이드 해줘": ask("upgrade", image="nginx:1.28"),
    "web 이미지를 nginx:1.28로 바꿔줘": ask("upgrade", image="nginx:1.28"),
    "web의 이미지를 nginx:1.28로 교체해 주십시오": ask("upgrade", image="nginx:1.28"),
    "prod에서 web을 nginx:1.28로 올려줘": ask("upgrade", image="nginx:1.28", target="prod"),
    # 자동 확장
    "nginx:1.27을 web으로 prod에 자동 확장으로 배포": deploy("web", "nginx:1.27", "prod", autoscale=Autoscale()),
    "nginx:1.27을 web으로 2에서 6까지 자동 확장으로 배포해줘": deploy(
        "web", "nginx:1.27", replicas=2, autoscale=Autoscale(minimum=2, maximum=6)
    ),
    "web을 2에서 6까지 자동 확장": ask("autoscale", scaling=Scaling(minimum=2, maximum=6)),
    "prod의 web을 2개에서 6개까지 자동 확장해 주세요": ask(
        "autoscale", scaling=Scaling(minimum=2, maximum=6), target="prod"
    ),
    "web 최소 2개 최대 6개로 자동확장해줘": ask("autoscale", scaling=Scaling(minimum=2, maximum=6)),
    "web을 cpu 70% 기준으로 자동 확장해줘": ask("autoscale", scaling=Scaling(cpu_percent=70)),
    "web을 cpu 사용률 70퍼센트로 자동 확장": ask("autoscale", scaling=Scaling(cpu_percent=70)),
    "web 자동 확장 설정해줘": ask("autoscale", scaling=Scaling()),
    "web 자동 확장 중지해줘": ask("stop_autoscale"),
    "prod에서 web의 자동 확장을 해제해줘": ask("stop_autoscale", target="prod"),
    # 옮기기
    "web을 prod로 옮겨": ask("move", target="prod"),
    "local에서 web을 prod로 이동해줘": ask("move", source="local", target="prod"),
    "local의 web을 prod 클러스터로 옮겨줘": ask("move", source="local", target="prod"),
    "prod에 web을 복사해줘": ask("copy", target="prod"),
    "컴포즈 앱을 prod로 자동 확장과 함께 옮겨줘": ask("move", "", whole_project=True, target="prod", scaling=Scaling()),
    "shop compose 앱을 prod로 옮겨줘": ask("move", "shop", whole_project=True, target="prod"),
    "컴포즈 프로젝트 shop을 prod로 복사해줘": ask("copy", "shop", whole_project=True, target="prod"),
    # 재시작, 중지, 시작
    "web 재시작": ask("restart"),
    "재시작 web": ask("restart"),
    "web을 다시 시작해줘": ask("restart"),
    "web 서비스를 재시작해 주세요": ask("restart"),
    "prod에서 web 재시작해줘": ask("restart", target="prod"),
    "web 좀 재시작해줘": ask("restart"),
    "web 재시작 좀 해줘": ask("restart"),
    "web 중지해줘": ask("stop"),
    "web을 멈춰줘": ask("stop"),
    "web 정지 부탁해요": ask("stop"),
    "web 시작해줘": ask("start"),
    "web을 켜 줘": ask("start"),
    # 삭제
    "web 삭제해줘": ask("delete"),
    "web을 지워줘": ask("delete"),
    "staging에 web을 삭제해줘": ask("delete", target="staging"),
    "web과 데이터를 삭제해줘": ask("delete", with_volumes=True),
    "web을 볼륨까지 함께 삭제해줘": ask("delete", with_volumes=True),
    "데이터와 함께 web을 삭제해줘": ask("delete", with_volumes=True),
    # 롤백
    "web 롤백해줘": ask("rollback"),
    "web을 되돌려줘": ask("rollback"),
    "web을 이전 버전으로 되돌려 주세요": ask("rollback"),
    "web의 마지막 변경을 되돌려줘": ask("rollback"),
    # 포트
    "web을 9090 포트로 공개해줘": ask("expose", ports=(Port(host=9090),)),
    "web의 9090번 포트를 열어줘": ask("expose", ports=(Port(host=9090),)),
    "web에 포트 9090:80을 추가해줘": ask("expose", ports=(Port(host=9090, container=80),)),
    # 환경변수
    "web 환경변수 LOG_LEVEL=debug 설정": ask("set_env", env={"LOG_LEVEL": "debug"}),
    "web에 환경 변수 LOG_LEVEL=debug를 추가해줘": ask("set_env", env={"LOG_LEVEL": "debug"}),
    "web의 LOG_LEVEL을 debug로 설정해줘": ask("set_env", env={"LOG_LEVEL": "debug"}),
    "prod에서 web 환경변수 A=1, B=2 설정해줘": ask("set_env", env={"A": "1", "B": "2"}, target="prod"),
    "web에서 DEBUG 환경변수를 제거해줘": ask("set_env", unset_env=("DEBUG",)),
    "web 환경변수 DEBUG 삭제": ask("set_env", unset_env=("DEBUG",)),
    "web의 DEBUG를 해제해줘": ask("set_env", unset_env=("DEBUG",)),
    # 자원
    "web 메모리 512Mi로 설정": ask("set_resources", resources=Resources(memory_bytes=512 * MI)),
    "web 메모리를 512Mi로 늘려줘": ask("set_resources", resources=Resources(memory_bytes=512 * MI)),
    "web의 메모리를 512Mi로, cpu를 500m로 변경해줘": ask(
        "set_resources", resources=Resources(cpu_millicores=500, memory_bytes=512 * MI)
    ),
    "web 메모리 제한을 512Mi로 설정해줘": ask("set_resources", resources=Resources(memory_bytes=512 * MI)),
    "web을 2코어로 제한해줘": ask("set_resources", resources=Resources(cpu_millicores=2000)),
}


@pytest.mark.parametrize(("sentence", "expected"), SENTENCES.items(), ids=SENTENCES.keys())
def test_a_sentence_is_read_as_what_it_says(sentence: str, expected: Ask) -> None:
    assert read_request(sentence) == expected


@pytest.mark.parametrize("sentence", list(SENTENCES)[:8])
def test_letters_that_are_not_joined_yet_read_the_same(sentence: str) -> None:
    assert read_request(unicodedata.normalize("NFD", sentence)) == SENTENCES[sentence]


@pytest.mark.parametrize(
    "ending",
    ["", "해", "해줘", "해 줘", "해줘요", "해주세요", "해 주세요", "해 주십시오", "하세요", "하십시오", "해라",
     "부탁해", " 부탁드립니다", "을 해줘", " 좀 해줘", " 시켜줘"],
)  # fmt: skip
def test_polite_and_plain_endings_ask_for_the_same(ending: str) -> None:
    assert read_request(f"web 재시작{ending}") == ask("restart")


POLITE = [
    "web 재시작해줄래?",
    "web 재시작해 줄 수 있어?",
    "web 재시작해 주실 수 있나요?",
    "web 재시작해 주시겠어요?",
    "web 재시작하고 싶어",
    "web 재시작해야 해",
    "web 다시 시작해 줄래요?",
]


@pytest.mark.parametrize("text", POLITE)
def test_a_polite_request_asks_for_the_same_as_the_bare_one(text: str) -> None:
    assert read_request(text) == read_request("web 재시작해줘")


@pytest.mark.parametrize("text", ["web 재시작해?", "web 재시작할까?", "web 재시작했어?"])
def test_a_question_without_courtesy_is_no_request(text: str) -> None:
    with pytest.raises(Unclear):
        read_request(text)
