"""A file of Kubernetes manifests: what each of them must say before a cluster is asked about it."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.values import Json
from opstwin.errors import LimitExceeded
from opstwin.manifests.nodes import fault
from opstwin.manifests.yaml_text import Document, read_documents

MOST: Final = 2000
"""Manifests in one plan: more than anybody can read before saying yes."""


def manifests_in(text: str) -> tuple[Mapping[str, Json], ...]:
    """The manifests of a text, at least one.

    Raises `InvalidInput` with line and column for what is no manifest (see `read_documents`), and `LimitExceeded` for
    more than 2,000 of them.
    """
    documents = read_documents(text)
    if len(documents) > MOST:
        raise LimitExceeded(
            f"{len(documents)} manifests are more than one plan takes ({MOST}).",
            next_step="Split them, for example by namespace, and make a plan of each part.",
            details={"limit": MOST},
        )
    return tuple(_checked(item) for item in documents)


def _checked(document: Document) -> Mapping[str, Json]:
    for field in ("apiVersion", "kind"):
        value = document.value.get(field)
        if not isinstance(value, str) or not value:
            raise fault(
                f"A manifest needs {field}.", place=document.place((field,)), field=field,
                next_step="Such as apiVersion: apps/v1 and kind: Deployment.",
            )  # fmt: skip
    return document.value
