"""Looking into what was generated."""

from typing import Any

from opstwin.domain.workload import Workload
from opstwin.manifests.generating.generator import Request, generated
from opstwin.manifests.generating.info import info_of_workload
from opstwin.manifests.generating.options import GenerateOptions
from opstwin.manifests.generating.results import Finding, Generated
from opstwin.manifests.served import NEWEST, Served, served_by

WORKLOADS = ("Deployment", "StatefulSet", "Job", "CronJob")


def made(workload: Workload, options: GenerateOptions | None = None, *, served: Served | None = None) -> Generated:
    request = Request(
        containers=(info_of_workload(workload),),
        served=served or served_by(NEWEST),
        options=options or GenerateOptions(),
    )
    return generated(request)


def document(result: Generated, kind: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = result.of_kind(kind)[number].document
    return found


def template(result: Generated, number: int = 0) -> dict[str, Any]:
    controllers = [item.document for item in result.manifests if item.kind in WORKLOADS]
    spec: Any = controllers[number]["spec"]
    found: dict[str, Any] = spec["jobTemplate"]["spec"]["template"] if "jobTemplate" in spec else spec["template"]
    return found


def pod(result: Generated, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = template(result, number)["spec"]
    return found


def container(result: Generated, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = pod(result, number)["containers"][0]
    return found


def kinds(result: Generated) -> list[str]:
    return [item.kind for item in result.manifests]


def finding(result: Generated, code: str) -> Finding:
    return next(item for item in result.findings if item.code == code)


def codes(result: Generated) -> set[str]:
    return {item.code for item in result.findings}


def why(result: Generated, path: str) -> str:
    """The source of the decision on `path`."""
    return next(item.source for manifest in result.manifests for item in manifest.decisions if item.path == path)
