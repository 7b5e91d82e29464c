"""What a caller is told about an input that does not fit: which field, and a value that would."""

import pytest

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput
from opstwin.tools import guard
from opstwin.tools.all_tools import REGISTRY

WRONG: list[tuple[str, dict[str, Json], str]] = [
    ("discover", {}, 'Add it, such as {"id": "local"}.'),
    ("metrics_query", {}, 'Add it, such as {"metric": "cpu_millicores"}.'),
    ("metrics_query", {"metric": "memory"}, 'Correct it, such as {"metric": "cpu_millicores"}.'),
    ("execution_get", {"id": "x"}, 'Correct it, such as {"id": "exec_7f3k2m9x1q"}.'),
    ("exec_run", {"resource": "host", "argv": "df -h"}, 'Correct it, such as {"argv": ["df", "-h"]}.'),
    ("exec_run", {"resource": "host", "argv": ["df", 3]}, 'Correct it, such as {"argv": ["df", "-h"]}.'),
    ("plan_create", {"target": "No!"}, 'Correct it, such as {"target": "local"}.'),
    ("plan_create", {"prune": "yes"}, "Correct it; docs/http-api.md lists every field."),
    ("plan_apply", {"id": "plan_1", "confirm": True}, "Use only these fields: id."),
]


@pytest.mark.parametrize(("name", "given", "step"), WRONG, ids=[f"{name} {given}" for name, given, _ in WRONG])
def test_a_value_that_fits_is_named_where_one_is_known(name: str, given: dict[str, Json], step: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        guard.validated(REGISTRY[name], given, as_text=False)
    assert refused.value.next_step == step


def test_what_is_named_as_a_value_that_fits_does_fit() -> None:
    for tool in REGISTRY:
        for field, example in guard._examples(tool.input).items():
            try:
                guard.validated(tool, {field: example}, as_text=False)
            except InvalidInput as refused:
                problems = refused.details["problems"]
                assert isinstance(problems, list)
                assert field not in {item["field"].partition(".")[0] for item in problems}, (tool.name, problems)
