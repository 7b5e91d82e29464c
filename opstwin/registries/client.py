"""One registry: what digest a tag stands for, and which tags an image has (OCI distribution 1.1, Docker's API v2)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from opstwin.errors import Forbidden, LimitExceeded, NotFound, TargetError
from opstwin.registries.challenges import challenge_of
from opstwin.registries.names import ImageName, highest_first, is_digest, is_tag
from opstwin.registries.ports import Answer, Asker, Place, Request
from opstwin.registries.refusals import forbidden, no_such_image, no_such_tag, strange, unwell
from opstwin.registries.tokens import Tokens

INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_ACCEPT: Final = ", ".join((*INDEXES, *(f"{item};q=0.5" for item in MANIFESTS)))
"""The index of all platforms first: its digest is good on every machine."""

MOST_TAGS: Final = 10_000
_PAGE: Final = 1_000
_MOST_PAGES: Final = 100
_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What a name stands for now. `is_index`: one digest for all platforms."""

    image: ImageName
    digest: str
    media_type: str
    registry: str

    @property
    def is_index(self) -> bool:
        """Whether the digest is that of an index of several platforms."""
        return self.media_type in INDEXES

    @property
    def pinned(self) -> str:
        """The image's name with tag and digest."""
        return str(ImageName(self.image.host, self.image.repository, self.image.tag, self.digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of an image, the highest first; `cut` when there are more than are read."""

    image: ImageName
    tags: tuple[str, ...]
    registry: str
    cut: bool = False


class RegistryClient:
    """Asks one registry. Every method raises as `Asker.ask`, and `Forbidden`, `NotFound`, `Rejected`, `Unreachable`."""

    def __init__(self, place: Place, asker: Asker, tokens: Tokens) -> None:
        self._place, self._asker, self._tokens = place, asker, tokens

    async def answers(self) -> None:
        """Return when the registry answers, whatever it says: without a login many refuse. Raises as `Asker.ask`."""
        try:
            await self._asker.ask(Request(method="GET", url=f"{self._place.base_url}/v2/"))
        except LimitExceeded:
            return

    async def resolve(self, image: ImageName) -> Resolved:
        """The digest that `image` stands for; of a name with a digest, that it is there."""
        wanted = image.digest or image.tag or "latest"
        url = f"{self._place.base_url}/v2/{image.repository}/manifests/{wanted}"
        answer = await self._signed("HEAD", url, image, accept=_ACCEPT)
        digest = answer.headers.get("docker-content-digest", "")
        if answer.status == 405 or (answer.status == 200 and not is_digest(digest)):
            answer = await self._signed("GET", url, image, accept=_ACCEPT)
            digest = self._of_body(answer) if answer.status == 200 else ""
        if answer.status == 404:
            raise await self._missing(image)
        self._check(answer, image)
        if image.digest and digest != image.digest:
            raise strange(self._place, "another digest than was asked for")
        media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
        return Resolved(image=image, digest=digest, media_type=media_type[:200], registry=self._place.name)

    async def tags(self, image: ImageName, most: int = MOST_TAGS) -> Tags:
        """The tags of an image, page by page, up to `most`. Numbers in them count as numbers."""
        url = f"{self._place.base_url}/v2/{image.repository}/tags/list?n={_PAGE}"
        found: dict[str, None] = {}
        seen: set[str] = set()
        while url and len(seen) < _MOST_PAGES and len(found) <= most:
            seen.add(url)
            answer = await self._signed("GET", url, image, accept="application/json")
            if answer.status == 404:
                raise no_such_image(self._place, image)
            self._check(answer, image)
            found |= dict.fromkeys(self._listed(answer))
            url = self._next(url, answer)
            url = "" if url in seen else url
        cut = bool(url) or len(found) > most
        return Tags(image=image, tags=highest_first(list(found)[:most]), registry=self._place.name, cut=cut)

    async def _signed(self, method: str, url: str, image: ImageName, *, accept: str) -> Answer:
        """The answer after signing in where that is asked for; a token that is refused is replaced once."""
        scope = f"repository:{image.repository}:pull"
        answer = await self._followed(method, url, accept, self._tokens.header(scope))
        if answer.status == 401:
            self._tokens.forget(scope)
            challenge = challenge_of(answer.challenges)
            if challenge is None:
                raise forbidden(self._place, f"read {image.short}")
            answer = await self._followed(method, url, accept, await self._tokens.answer_to(challenge, scope))
        if answer.status == 401:
            self._tokens.forget(scope)
            raise forbidden(self._place, f"read {image.short}")
        return answer

    async def _followed(self, method: str, url: str, accept: str, authorization: str) -> Answer:
        """Redirects are followed; away from the registry without its credentials, and not onto the hub's machine."""
        at, named = url, True
        for _ in range(_REDIRECTS + 1):
            headers = {"accept": accept, **({"authorization": authorization} if authorization and named else {})}
            answer = await self._asker.ask(Request(method=method, url=at, headers=headers, named=named))
            if answer.status not in _MOVED:
                return answer
            at = self._leading(at, answer.headers.get("location", ""))
            named = named and urlsplit(at)[:2] == urlsplit(url)[:2]
        raise strange(self._place, "one redirect after another")

    def _leading(self, url: str, location: str) -> str:
        schemes = ("https", "http") if self._place.insecure else ("https",)
        try:
            target = urljoin(url, location)
            parts = urlsplit(target)
            usable = bool(location and parts.hostname) and not parts.username and parts.scheme in schemes
        except ValueError:
            usable, target = False, ""
        if not usable:
            raise strange(self._place, "a redirect to nowhere that may be asked")
        return target

    def _check(self, answer: Answer, image: ImageName) -> None:
        if answer.status == 403:
            raise forbidden(self._place, f"read {image.short}")
        if answer.status >= 500:
            raise unwell(self._place, answer.status)
        if answer.status != 200:
            raise strange(self._place, f"status {answer.status}")

    def _of_body(self, answer: Answer) -> str:
        said = answer.headers.get("docker-content-digest", "")
        digest = f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
        if said and said != digest:
            raise strange(self._place, "a digest that is not that of its manifest")
        if not isinstance(_object(answer).get("schemaVersion"), int):
            raise strange(self._place, "no manifest")
        return digest

    def _listed(self, answer: Answer) -> list[str]:
        tags = _object(answer).get("tags", "")
        if tags is None:  # an image whose tags were all deleted
            return []
        if not isinstance(tags, list):
            raise strange(self._place, "no list of tags")
        return [item for item in tags if isinstance(item, str) and is_tag(item)]

    def _next(self, url: str, answer: Answer) -> str:
        """The next page (RFC 8288), on this registry and of this list; empty at the end."""
        for part in answer.headers.get("link", "").split(","):
            target, _, parameters = part.strip().partition(">")
            if target.startswith("<") and 'rel="next"' in parameters.replace(" ", "").replace("rel=next", 'rel="next"'):
                following = urljoin(url, target[1:])
                if urlsplit(following)[:3] != urlsplit(url)[:3]:
                    raise strange(self._place, "a next page somewhere else")
                return following
        return ""

    async def _missing(self, image: ImageName) -> NotFound:
        try:
            found = await self.tags(image)
        except NotFound as error:
            return error
        except (Forbidden, TargetError):  # who may read an image may not always list its tags
            return no_such_tag(self._place, image, None)
        return no_such_tag(self._place, image, found.tags)


def _object(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
