"""Which kind of file a text is."""

import pytest

from opstwin.errors import InvalidInput, LimitExceeded
from opstwin.intent.document import ComponentRequest, ManifestRequest, Workloads, read_document


def test_workload_files_are_told_by_name_image_or_kind() -> None:
    for text in ("name: a\nimage: x:1", "image: x:1\nname: a", "kind: Workload\nname: a\nimage: x:1"):
        document = read_document(text)
        assert isinstance(document, Workloads)
        assert (document.source, document.items[0].name) == ("workload", "a")


def test_compose_files_are_told_by_services() -> None:
    document = read_document("name: shop\nservices: {web: {image: 'x:$TAG'}}", variables={"TAG": "2"})
    assert isinstance(document, Workloads)
    assert (document.source, document.items[0].image) == ("compose", "x:2")


def test_component_files_are_left_to_the_catalog() -> None:
    document = read_document("components:\n  hub-and-spoke: {profile: S, version: 1.10}\nname: x")
    assert document == ComponentRequest(
        {"components": {"hub-and-spoke": {"profile": "S", "version": 1.1}}, "name": "x"}
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("kind: Deployment\nname: a", 1),
        ("apiVersion: v1\nname: a", 1),
        ("apiVersion: v1\nkind: Pod\n---\nkind: Pod", 4),
        ("foo: bar", 1),
        ("- name: a", 1),
        ("text", 1),
        ("kind: [Workload]\nname: a", 1),
        ("name: a\nimage: x:1\n---\nservices: {web: {image: 'x:1'}}", 4),
        ("services: {web: {image: 'x:1'}}\n---\nservices: {api: {image: 'x:1'}}", 3),
        ("components: {}\n---\ncomponents: {}", 3),
    ],
)
def test_anything_else_is_refused_with_its_line_and_what_could_be_written(text: str, line: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_document(text)
    assert refused.value.details["line"] == line
    assert refused.value.next_step


def test_a_foreign_kind_is_told_what_is_known_here() -> None:
    with pytest.raises(InvalidInput, match="kind is not Workload") as refused:
        read_document("kind: Deployment\nmetadata: {name: a}")
    assert "components:" in refused.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}",
        '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}',
        '{"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "a"}}',
        "# Source: chart/templates/pod.yaml\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n---\n",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: a}",
    ],
)
def test_manifests_are_taken_as_they_are_in_every_way_of_writing_them(text: str) -> None:
    document = read_document(text)
    assert isinstance(document, ManifestRequest)
    assert [(item["kind"], item["metadata"]) for item in document.documents] == [("Pod", {"name": "a"})]


def test_a_workload_as_json_is_no_manifest() -> None:
    assert isinstance(read_document('{"kind": "Workload", "name": "web", "image": "nginx:1.27"}'), Workloads)


def test_more_manifests_than_anybody_reads_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="2001"):
        read_document("---\n".join(["apiVersion: v1\nkind: Pod\n"] * 2001))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(InvalidInput, match="empty"):
        read_document("# nothing\n")


@pytest.mark.proves("E7")
@pytest.mark.parametrize(
    "text",
    [
        "name: web\nimage: nginx:1.27\nimage: evil:1",
        "name: web\nimage: nginx:1.27\nreplicas: 1000000000",
        "name: web\nimage: nginx:1.27\nprivileged: true",
        "name: shop\nservices: {web: {image: 'nginx:1.27', privileged: true}}",
        "name: shop\nservices: {web: {image: 'nginx:1.27', network_mode: host}}",
        "name: shop\nservices: {web: {image: 'nginx:1.27', pid: host}}",
        "name: shop\nservices: {web: {image: 'nginx:1.27', cap_add: [SYS_ADMIN]}}",
        "name: shop\nservices: {web: {image: 'nginx:1.27', deploy: {replicas: 1000000000}}}",
        "name: shop\nservices: {web: {image: 'nginx:1.27', image: 'evil:1'}}",
    ],
)
def test_what_no_plan_may_hold_is_refused_before_there_is_a_plan(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_document(text)
    assert refused.value.details["line"]
