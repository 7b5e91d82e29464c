"""What a model answers: the fields that it may judge, and nothing else. Read strictly."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from opstwin.domain.values import Json
from opstwin.errors import InvalidInput

MAX_ANSWER: Final = 64 * 1024
"""Characters; ten drafts take a tenth of it."""

_AGAIN: Final = "Answer with one JSON object of the schema."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Probe(_Strict):
    """An HTTP GET on a port of the workload that answers with 200 to 399 when it can serve."""

    path: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._~/-]{0,200}$")]
    port: Annotated[int, Field(ge=1, le=65535)]


class Scale(_Strict):
    """Replicas by their use."""

    minimum: Annotated[int, Field(ge=1, le=10)]
    maximum: Annotated[int, Field(ge=1, le=20)]
    cpu_percent: Annotated[int, Field(ge=10, le=95)]


class Answer(_Strict):
    """One draft. Null is: nothing to say, or not open. There is no field for an image, a port, a command or a name."""

    workload: Annotated[str, Field(max_length=63)]
    memory: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(Mi|Gi)$")] | None
    cpu: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}m$")] | None
    replicas: Annotated[int, Field(ge=1, le=10)] | None
    probe: Probe | None
    autoscale: Scale | None
    reasoning: Annotated[str, Field(min_length=1, max_length=2000)]
    examples: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=5)]


class _Answers(_Strict):
    drafts: list[Answer]


def schema_of(*, several: bool) -> dict[str, Json]:
    """The JSON Schema of the answer to one brief, or to several; the caller may change what it gets."""
    found: dict[str, Json] = json.loads(schema_text(several=several))
    return found


@cache
def schema_text(*, several: bool) -> str:
    """The same as it stands in the prompt, in as few characters as it can. Built once: it takes a millisecond."""
    schema = _plain((_Answers if several else Answer).model_json_schema())
    return json.dumps(schema, separators=(",", ":"))


def answer_in(text: str) -> Answer:
    """The one answer in what a model wrote. Raises `InvalidInput` that says what is wrong and repeats none of it."""
    return checked_answer(_object_in(text))


def parts_in(text: str) -> tuple[Any, ...]:
    """The drafts in an answer to several briefs, none of them checked yet. Raises like `answer_in`."""
    value = _object_in(text)
    drafts = value.get("drafts")
    if {*value} != {"drafts"} or not isinstance(drafts, list):
        raise InvalidInput("The object needs one field, drafts, a list.", field="drafts", next_step=_AGAIN)
    return tuple(drafts)


def checked_answer(value: Any) -> Answer:
    """One draft. Raises like `answer_in`."""
    try:
        return Answer.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        told = "; ".join(f"{_path(fault['loc'])}: {fault['msg']}" for fault in faults[:5])
        raise InvalidInput(f"{told}.", field=_path(faults[0]["loc"]), next_step=_AGAIN) from error


def _object_in(text: str) -> Mapping[str, Any]:
    """Some models fence their JSON although they were told not to; everything else around it is refused."""
    bare = text.strip()
    if bare.startswith("```") and bare.endswith("```"):
        bare = bare[3:-3].removeprefix("json").strip()
    if not bare or len(bare) > MAX_ANSWER:
        raise InvalidInput("The answer is empty or too long.", field="answer", next_step=_AGAIN)
    try:
        value = json.loads(bare, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The answer is not JSON.", field="answer", next_step=_AGAIN) from error
    if not isinstance(value, dict):
        raise InvalidInput("The answer is not a JSON object.", field="answer", next_step=_AGAIN)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key is there twice")
    return dict(pairs)


def _path(loc: tuple[int | str, ...]) -> str:
    # Names of unknown fields are the model's own words: cut, and shown as data.
    return ".".join(str(part)[:40] for part in loc) or "answer"


def _plain(schema: dict[str, Any]) -> dict[str, Json]:
    """Without titles and descriptions: prompts say what the fields mean."""
    definitions = schema.pop("$defs", {})

    def cleaned(value: Any, *, names: bool = False) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return cleaned(definitions[value["$ref"].rpartition("/")[2]])
        return {
            key: cleaned(item, names=key == "properties")
            for key, item in value.items()
            if names or key not in ("title", "description")
        }

    found: dict[str, Json] = cleaned(schema)
    return found
