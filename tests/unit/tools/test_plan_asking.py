"""The input of a plan: what a file may come as."""

import json

import pytest

from opstwin.intent.document import ManifestRequest, read_document
from opstwin.tools.plan_asking import PlanAsk

MANIFEST = {"metadata": {"name": "web"}, "spec": {"replicas": 2}, "kind": "Deployment", "apiVersion": "apps/v1"}


@pytest.mark.parametrize("count", [1, 2])
def test_manifests_are_known_as_such_wherever_their_kind_stands(count: int) -> None:
    given = {"file": MANIFEST if count == 1 else [MANIFEST] * count}
    ask = PlanAsk.model_validate_json(json.dumps(given), strict=True)
    assert isinstance(ask.file, str)
    document = read_document(ask.file)
    assert isinstance(document, ManifestRequest)
    assert document.documents == (MANIFEST,) * count


def test_the_schema_asks_for_text() -> None:
    assert PlanAsk.model_json_schema()["properties"]["file"]["anyOf"][0]["type"] == "string"
