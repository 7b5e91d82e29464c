"""Registries in process, behind real sockets: one application for each type, which differ in how they sign in."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from opstwin.clock import VirtualClock
from opstwin.domain.target import Target
from opstwin.registries.client import INDEXES, MANIFESTS
from opstwin.registries.directory import Registries, Surroundings
from opstwin.registries.kinds.signature import Keys, Realm, signed
from opstwin.registries.loading import Kinds, load
from opstwin.server.serving import listening
from opstwin.targets.reaching import Reach
from opstwin.targets.secrets import HubSecrets

CANARY = "c4n4ry-registry-Hk27"
JSON_KEY = json.dumps({"type": "service_account", "private_key": CANARY}, indent=1)
TENANT = "11111111-2222-3333-4444-555555555555"
PUBLIC, PRIVATE = "shop/public", "shop/api"
TAGS = ("1.0", "1.1", "1.2", "latest", "2.0-rc1")


def manifest_of(text: str) -> bytes:
    """An index whose digest is its own."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [], "of": text}).encode()


def digest_of(content: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Seen:
    """One request that came in."""

    method: str
    path: str
    authorization: str


@dataclass
class Stub:
    """A registry of one type. `before` may answer in place of it; `life_s` is that of its tokens."""

    kind: str
    life_s: int = 300
    page: int = 2
    password: str = CANARY
    before: Callable[[Request], Response | None] | None = None
    images: dict[str, dict[str, bytes]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    host: str = ""
    _tokens: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in (PUBLIC, PRIVATE):
            self.images[name] = {tag: manifest_of(f"{name}:{tag}") for tag in TAGS}
        self.app = Starlette(routes=[Route("/{path:path}", self.answer, methods=["GET", "HEAD", "POST"])])

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}"

    def asked_for(self, part: str) -> int:
        """How many requests had this in their path."""
        return sum(part in item.path for item in self.seen)

    def revoke(self) -> None:
        """All tokens are void."""
        self._tokens.clear()

    async def answer(self, request: Request) -> Response:
        """The one door."""
        self.seen.append(Seen(request.method, request.url.path, request.headers.get("authorization", "")))
        early = self.before(request) if self.before else None
        if early is not None:
            return early
        if request.url.path.startswith("/v2/") and not request.url.path.endswith("/token"):
            return self._registry(request)
        return await self._issuer(request)

    def _registry(self, request: Request) -> Response:
        repository, _, rest = request.url.path.removeprefix("/v2/").rpartition("/manifests/")
        listing = request.url.path.endswith("/tags/list")
        if listing:
            repository = request.url.path.removeprefix("/v2/").removesuffix("/tags/list")
        if not self._may(request, repository):
            return Response(status_code=401, headers={"www-authenticate": self._challenge(repository)})
        if repository not in self.images:
            return JSONResponse({"errors": [{"code": "NAME_UNKNOWN"}]}, 404)
        return self._tags(request, repository) if listing else self._manifest(request, repository, rest)

    def _tags(self, request: Request, repository: str) -> Response:
        names, last = sorted(self.images[repository]), request.query_params.get("last", "")
        page = [name for name in names if name > last][: self.page]
        more = bool(page) and page[-1] != names[-1]
        link = {"link": f'</v2/{repository}/tags/list?last={page[-1]}&n={self.page}>; rel="next"'} if more else {}
        return JSONResponse({"name": repository, "tags": page}, headers=link)

    def _manifest(self, request: Request, repository: str, wanted: str) -> Response:
        by_digest = {digest_of(content): content for content in self.images[repository].values()}
        content = self.images[repository].get(wanted) or by_digest.get(wanted)
        if content is None:
            return JSONResponse({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404)
        accepted = request.headers["accept"]
        assert all(item in accepted for item in (*INDEXES, *MANIFESTS))
        headers = {"docker-content-digest": digest_of(content), "content-type": INDEXES[0]}
        return Response(b"" if request.method == "HEAD" else content, headers=headers)

    def _challenge(self, repository: str) -> str:
        scope = f'scope="repository:{repository}:pull"'
        realm = {
            "plain": f'Bearer realm="{self.url}/token",service="stub",{scope}',
            "harbor": f'Bearer realm="{self.url}/service/token",service="harbor-registry",{scope}',
            "ecr": f'Basic realm="{self.url}/",service="ecr.amazonaws.com"',
            "acr": f'Bearer realm="{self.url}/oauth2/token",service="{self.host}",{scope}',
            "gcr": f'Bearer realm="{self.url}/v2/token",service="gcr",{scope}',
        }
        return realm[self.kind]

    def _may(self, request: Request, repository: str) -> bool:
        header = request.headers.get("authorization", "")
        if self.kind == "ecr":
            return header == _basic("AWS", f"ecr-{self.password}")
        return self._tokens.get(header.removeprefix("Bearer ")) == f"repository:{repository}:pull"

    async def _issuer(self, request: Request) -> Response:
        path, form = request.url.path, parse_qs((await request.body()).decode())
        fields = {key: values[0] for key, values in form.items()}
        if self.kind == "ecr":
            return await self._amazon(request)
        if self.kind == "acr" and path == f"/{TENANT}/oauth2/v2.0/token":
            good = fields["client_id"] == "app-id" and fields["client_secret"] == self.password
            return JSONResponse({"access_token": "aad"}) if good else Response(status_code=401)
        if self.kind == "acr" and path == "/oauth2/exchange":
            good = fields == {
                "grant_type": "access_token", "service": self.host, "tenant": TENANT, "access_token": "aad",
            }  # fmt: skip
            return JSONResponse({"refresh_token": f"refresh-{self.password}"}) if good else Response(status_code=401)
        if self.kind == "acr" and request.method == "POST":
            good = fields["grant_type"] == "refresh_token" and fields["refresh_token"] == f"refresh-{self.password}"
            return self._token(fields["scope"]) if good else Response(status_code=401)
        return self._for_basic(request)

    def _for_basic(self, request: Request) -> Response:
        users = {
            "plain": ("ci", self.password), "acr": ("app-id", self.password),
            "harbor": ("robot$shop+ci", self.password),
            "gcr": ("_json_key", JSON_KEY.replace(CANARY, self.password)),
        }  # fmt: skip
        header, scope = request.headers.get("authorization", ""), request.query_params["scope"]
        if header and header not in (_basic(*users[self.kind]), _basic("oauth2accesstoken", f"ya29.{self.password}")):
            return JSONResponse({"errors": [{"message": f"no: {header}"}]}, 401)
        if not header and PUBLIC not in scope:
            return JSONResponse({}, 401)
        return self._token(scope)

    def _token(self, scope: str) -> Response:
        token = f"token-{len(self.seen)}"
        self._tokens[token] = scope
        name = "access_token" if self.kind == "acr" else "token"
        return JSONResponse({name: token, "expires_in": self.life_s})

    async def _amazon(self, request: Request) -> Response:
        """GetAuthorizationToken, for a request whose signature is that of the keys."""
        headers = {name: request.headers[name] for name in ("content-type", "x-amz-target")}
        keys = Keys(access="AKIDSTUB", secret=self.password, session=request.headers.get("x-amz-security-token", ""))
        realm = Realm(region="eu-west-1", service="ecr", now=request.headers["x-amz-date"])
        wanted = signed(f"{self.url}{request.url.path}", headers, await request.body(), keys, realm)
        if request.headers["authorization"] != wanted["authorization"]:
            return JSONResponse({"__type": "UnrecognizedClientException"}, 400)
        token = base64.b64encode(f"AWS:ecr-{self.password}".encode()).decode()
        return JSONResponse({"authorizationData": [{"authorizationToken": token, "expiresAt": 1.0}]})


LOGINS = {
    "plain": "username: ci\n  credential: env:REGISTRY_SECRET",
    "harbor": "username: robot$shop+ci\n  credential: env:REGISTRY_SECRET",
    "ecr": "username: env:AWS_KEY_ID\n  credential: env:REGISTRY_SECRET\n  region: eu-west-1\n  api: http://HOST/ecr-api/",
    "acr": f"username: app-id\n  credential: env:REGISTRY_SECRET\n  tenant: {TENANT}\n  authority: http://HOST",
    "gcr": "credential: file:key.json",
}
"""What the configuration says of each type's login."""

KINDS = tuple(LOGINS)


@dataclass
class Bench:
    """One stub, and the hub's registries with a configuration that names it."""

    stub: Stub
    folder: Path
    clock: VirtualClock = field(default_factory=VirtualClock)
    environ: dict[str, str] = field(default_factory=dict)
    kinds: Kinds = field(default_factory=load)
    targets: list[Target] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.file = self.folder / "registries.yaml"
        self.set_secret(CANARY)
        self.registries = self.opened(Reach())

    def opened(self, reach: Reach) -> Registries:
        """The registries, with another word on addresses."""

        async def targets() -> list[Target]:
            return self.targets

        secrets = HubSecrets(self.environ, self.folder)
        return Registries(
            Surroundings(
                file=self.file, kinds=self.kinds, secrets=secrets, clock=self.clock, check=reach.check, targets=targets
            )
        )

    def set_secret(self, secret: str) -> None:
        """What stands behind every reference from now on."""
        self.environ |= {"REGISTRY_SECRET": secret, "AWS_KEY_ID": "AKIDSTUB"}
        (self.folder / "key.json").write_text(JSON_KEY.replace(CANARY, secret))

    def configure(self, login: str | None = None, kind: str = "", **more: str) -> "Bench":
        """Name the stub in the file, with its own type and that type's usual login unless others are given."""
        used = LOGINS[self.stub.kind] if login is None else login
        lines = [
            f"- host: {self.stub.host}",
            f"type: {kind or self.stub.kind}",
            "insecure: true",
            f"name: {self.stub.kind}",
        ]
        lines += [used.replace("HOST", self.stub.host)] if used else []
        lines += [f"{key}: {value}" for key, value in more.items()]
        self.file.write_text("registries:\n" + "\n  ".join(lines) + "\n")
        return self

    def image(self, name: str = PRIVATE, tag: str = "1.1") -> str:
        """An image of the stub."""
        return f"{self.stub.host}/{name}:{tag}"


class Served(Protocol):
    """An application, and where it is served."""

    app: Starlette
    host: str


AnyServed = TypeVar("AnyServed", bound=Served)


@asynccontextmanager
async def serving(stub: AnyServed) -> AsyncIterator[AnyServed]:
    """Serve a stub on a free port of this machine."""
    config = uvicorn.Config(stub.app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with listening("127.0.0.1", 0) as listener:
        listener.listen(64)
        stub.host = f"127.0.0.1:{listener.getsockname()[1]}"
        task = asyncio.create_task(server._serve([listener]))
        try:
            yield stub
        finally:
            server.should_exit = True
            await asyncio.wait_for(task, 30)


def _basic(name: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"
