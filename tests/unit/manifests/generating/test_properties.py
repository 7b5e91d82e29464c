"""What holds for every workload that can be described."""

import posixpath
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck as Check
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from kubernetes_validate import validate

from opstwin.domain.pod_settings import PodSettings
from opstwin.domain.workload import Autoscale, HealthCheck, Mount, Port, Resources, RestartPolicy, Workload
from opstwin.errors import InvalidInput
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.images import IMAGES
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import Exposure, GenerateOptions, Route
from opstwin.manifests.generating.results import Generated
from opstwin.manifests.generating.secrecy import is_secret
from opstwin.manifests.served import served_by
from opstwin.manifests.yaml_text import read_documents, text_of
from tests.unit.manifests.generating.looking import WORKLOADS

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,10}){0,2}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60)
LABELS = st.text(st.characters(categories=["L", "N", "P", "Zs"], max_codepoint=0x1000), max_size=30)
LABEL_KEYS = LABELS.filter(lambda key: key and not key.startswith("io.opstwin."))
KEYS = st.from_regex(r"[A-Z_][A-Z0-9_]{0,15}", fullmatch=True)
SECRETS = st.from_regex(r"s3cr3t-[a-z0-9]{12}", fullmatch=True)
ENV = st.dictionaries(KEYS, TEXTS, max_size=5)
IMAGE = st.sampled_from([f"{name}:1.2" for name in IMAGES] + ["acme/api:1", "ghost", "r.example.com:5000/a/b:v1-x"])
TCP = st.integers(1, 65000).map(lambda port: Port(container=port))
PUBLISHED = st.integers(1, 60000).map(lambda port: Port(container=port % 9000 + 1, host=port))
MOUNTS = st.builds(
    Mount, path=st.sampled_from(["/data", "/var/lib/x", "/etc/y"]), volume=NAMES, read_only=st.booleans()
)
HEALTH = st.sampled_from([
    ("curl", "-f", "http://localhost:80/"), ("sh", "-c", "test -f /tmp/ok"), ("wget", "--spider", "http://127.0.0.1:80"),
]).map(lambda command: HealthCheck(command=command, start_period_s=3))  # fmt: skip
WORKLOAD = st.builds(
    Workload,
    name=NAMES, image=IMAGE, command=st.none() | st.lists(TEXTS.filter(bool), min_size=1, max_size=4).map(tuple),
    ports=st.lists(TCP, max_size=4).map(tuple) | st.lists(PUBLISHED, max_size=1).map(tuple), env=ENV,
    volumes=st.lists(MOUNTS, max_size=3, unique_by=(lambda m: m.path, lambda m: m.volume)).map(tuple),
    networks=st.lists(NAMES, max_size=2).map(tuple), replicas=st.integers(1, 5),
    resources=st.builds(
        Resources, cpu_millicores=st.none() | st.integers(1, 9000), memory_bytes=st.none() | st.integers(1, 2**40)
    ),
    health=st.none() | HEALTH, labels=st.dictionaries(LABEL_KEYS, LABELS, max_size=3),
    restart=st.sampled_from(RestartPolicy), running=st.booleans(), autoscale=st.none() | st.just(Autoscale(minimum=2)),
)  # fmt: skip
OPTIONS = st.builds(
    GenerateOptions,
    profile=st.sampled_from(["S", "M", "L", None]), autoscale=st.none() | st.just(Autoscale()),
    exposure=st.sampled_from(Exposure), network_policy=st.booleans(), namespace_manifest=st.booleans(),
    service_account=st.none() | NAMES, part_of=st.none() | NAMES, with_secret=st.just(False),
    image_user=st.none() | st.sampled_from(["", "1000", "app", "10:20"]),
    image_writes=st.none() | st.just(("/tmp", "/run")), schedule=st.none() | st.just("0 3 * * *"),
)  # fmt: skip
_PATHS = st.sampled_from([
    path for known in IMAGES.values() if known.data is not None for path in (known.data, f"{known.data}/")
] + ["/tmp", "/tmp/", "//run", "/run", "/./run", "/dev/shm", "/dev/shm/", "/var/lib", "/"])  # fmt: skip
Folders = dict[str, Any]
FOLDERS: st.SearchStrategy[Folders] = st.fixed_dictionaries({
    "volumes": st.lists(
        st.builds(Mount, path=_PATHS, volume=NAMES), max_size=2, unique_by=lambda mount: mount.volume
    ).map(tuple),
    "pod": st.builds(
        PodSettings, read_only=st.booleans(), shared_memory_bytes=st.none() | st.just(2**20),
        memory_folders=st.dictionaries(_PATHS, st.none(), max_size=1),
    ),
})  # fmt: skip
OFTEN = settings(max_examples=100, deadline=None, suppress_health_check=[Check.too_slow])


def result_of(workload: Workload, options: GenerateOptions, release: tuple[int, int] = (1, 37)) -> Generated:
    return generated(
        Request(containers=(info_of_workload(workload),), namespace="shop", served=served_by(release), options=options)
    )


def parts_of(result: Generated) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The controller, its pod template and its container."""
    controller: Any = next(item.document for item in result.manifests if item.kind in WORKLOADS)
    spec = controller["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    return controller, template, template["spec"]["containers"][0]


@OFTEN
@given(WORKLOAD, OPTIONS)
def test_every_selector_finds_the_pods_and_every_port_is_there(workload: Workload, options: GenerateOptions) -> None:
    result = result_of(workload, options)
    controller, template, container = parts_of(result)
    labels = template["metadata"]["labels"]
    names = {port["name"] for port in container.get("ports", ())}
    if "selector" in controller["spec"]:
        assert controller["spec"]["selector"]["matchLabels"].items() <= labels.items()
    for item in result.manifests:
        spec: Any = item.document.get("spec")
        if item.kind == "Service":
            assert spec["selector"].items() <= labels.items()
            assert {port["targetPort"] for port in spec.get("ports", ())} <= names
        if item.kind == "PodDisruptionBudget":
            assert spec["selector"]["matchLabels"].items() <= labels.items()
        if item.kind == "HorizontalPodAutoscaler":
            assert "cpu" in container["resources"]["requests"]
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        action = container.get(probe, {})
        assert {action[how]["port"] for how in ("httpGet", "tcpSocket") if how in action} <= names


@OFTEN
@given(WORKLOAD, OPTIONS)
def test_every_reference_leads_somewhere(workload: Workload, options: GenerateOptions) -> None:
    result = result_of(workload, options)
    controller, template, container = parts_of(result)
    config = {item.name for item in result.of_kind("ConfigMap")}
    needs = {(need.secret, need.key) for need in result.secrets}
    claims = {item.name for item in result.of_kind("PersistentVolumeClaim")}
    volumes = {volume["name"] for volume in template["spec"].get("volumes", ())}
    volumes |= {claim["metadata"]["name"] for claim in controller["spec"].get("volumeClaimTemplates", ())}
    assert {item["configMapRef"]["name"] for item in container.get("envFrom", ())} <= config
    for item in container.get("env", ()):
        reference = item["valueFrom"]["secretKeyRef"]
        assert (reference["name"], reference["key"]) in needs
    assert {mount["name"] for mount in container.get("volumeMounts", ())} == volumes
    for volume in template["spec"].get("volumes", ()):
        assert "emptyDir" in volume or volume["persistentVolumeClaim"]["claimName"] in claims
    account = template["spec"].get("serviceAccountName")
    assert account is None or account in {item.name for item in result.of_kind("ServiceAccount")}


@OFTEN
@given(WORKLOAD, OPTIONS, FOLDERS)
def test_no_two_mounts_of_a_pod_are_at_one_path(workload: Workload, options: GenerateOptions, folders: Folders) -> None:
    try:
        full = replace(workload, **folders)
    except InvalidInput:
        reject()  # it says itself that two things are at one path
    mounts = parts_of(result_of(full, options))[2].get("volumeMounts", ())
    paths = [posixpath.normpath(mount["mountPath"]).replace("//", "/") for mount in mounts]
    assert len(set(paths)) == len(paths)


@OFTEN
@given(WORKLOAD, OPTIONS, SECRETS)
def test_no_secret_comes_out_anywhere(workload: Workload, options: GenerateOptions, secret: str) -> None:
    hiding = replace(
        workload,
        env={**workload.env, "DB_PASSWORD": secret, "DATABASE_URL": f"postgres://u:{secret}@db/x"},
        command=("serve", "--token", secret, f"--password={secret}", "sh -c 'x --secret=" + secret + "'"),
        labels={"token": secret},
        health=HealthCheck(command=("check", "--password", secret)),
    )
    result = result_of(hiding, options)
    assert secret not in repr(result)
    assert secret not in text_of(result.manifests, language="en")


@OFTEN
@given(WORKLOAD, OPTIONS)
def test_plain_variables_arrive_as_they_are(workload: Workload, options: GenerateOptions) -> None:
    result = result_of(workload, options)
    data: Any = {
        key: item.document["data"][key] for item in result.of_kind("ConfigMap") for key in item.document["data"]
    }  # type: ignore[union-attr,index,call-overload]
    for key, value in workload.env.items():
        assert is_secret(key, value) or data[key] == value


@OFTEN
@given(WORKLOAD, OPTIONS)
def test_the_same_request_gives_the_same_bytes_and_they_read_back(workload: Workload, options: GenerateOptions) -> None:
    first, second = result_of(workload, options), result_of(workload, options)
    assert first == second
    text = text_of(first.manifests, language="ko")
    assert text.encode("utf-8", "surrogatepass") == text_of(second.manifests, language="ko").encode(
        "utf-8", "surrogatepass"
    )
    assert [item.value for item in read_documents(text)] == [item.document for item in first.manifests]


@OFTEN
@given(WORKLOAD, OPTIONS)
def test_every_decision_is_about_something_that_is_there(workload: Workload, options: GenerateOptions) -> None:
    for manifest in result_of(workload, options).manifests:
        for decision in manifest.decisions:
            found: Any = manifest.document
            for step in decision.path.replace("]", "").replace("[", ".").split("."):
                found = found[int(step)] if isinstance(found, list) else found[step]
            assert decision.value is None or found == decision.value


@settings(max_examples=20, deadline=None, suppress_health_check=[Check.too_slow])
@given(WORKLOAD, OPTIONS, st.sampled_from([(1, 25), (1, 37)]))
def test_what_comes_out_is_strictly_valid(
    workload: Workload, options: GenerateOptions, release: tuple[int, int]
) -> None:
    routed = replace(options, route=Route(host="a.example.com")) if workload.ports else options
    for manifest in result_of(workload, routed, release).manifests:
        validate(manifest.document, f"1.{release[1]}", strict=True)
