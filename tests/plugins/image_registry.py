"""A real registry (Debian package docker-registry) on a free port, filled with images, with each way to sign in."""

import asyncio
import base64
import hashlib
import ipaddress
import json
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.plugins.metric_servers import free_port

PROGRAM = "docker-registry"
READY_S = 20.0
USER, PASSWORD = "ci", "c4n4ry-registry-Hk27"
HTPASSWD = f"{USER}:$2a$04$vp7DMp/ku6DevGKnCwb44uN16SraQw1fWGCmUwNHlycbuezBNuls."
"""PASSWORD by bcrypt, the only form that this registry takes."""

API, SINGLE = "shop/api", "shop/single"
TAGS = ("1.0", "1.1", "1.2", "latest", "2.0-rc1")
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGS = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}


def digest_of(content: bytes) -> str:
    """As registries write it."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Paper:
    """A key and a certificate of its own for 127.0.0.1."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def key_file(self) -> Path:
        """Its key, in PEM."""
        return self.folder / "key.pem"

    @property
    def certificate_file(self) -> Path:
        """Its certificate, in PEM."""
        return self.folder / "certificate.pem"


def paper(folder: Path) -> Paper:
    """A new one in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry of tests")])
    now = datetime.now(UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=2))
    builder = builder.add_extension(host, critical=False)
    made = Paper(folder, key, builder.add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
    made.certificate_file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    made.key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return made


@dataclass
class RealRegistry:
    """A registry that answers at `host`; `paper` is that of its TLS, None for plain HTTP."""

    host: str
    folder: Path
    config: Mapping[str, Any]
    paper: Paper | None = None
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where its API begins."""
        return f"{'https' if self.paper else 'http'}://{self.host}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        found = shutil.which(PROGRAM)
        assert found is not None, f"{PROGRAM} is not installed: tests/with-bed installs it (Debian package {PROGRAM})"
        file = self.folder / f"{self.host.replace(':', '-')}.yml"
        file.write_text(json.dumps(self.config))  # JSON is YAML
        log = file.with_suffix(".log")
        with log.open("ab") as written:
            self.process = subprocess.Popen([found, "serve", str(file)], stdout=written, stderr=written)
        deadline_s = time.monotonic() + READY_S
        while time.monotonic() < deadline_s and self.process.poll() is None:
            if self._answers():
                return
            time.sleep(0.05)
        self.stop()
        raise AssertionError(f"{PROGRAM} did not get ready: {log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/v2/", timeout=2, context=self._trust()):
                return True
        except urllib.error.HTTPError as error:
            return error.code == 401
        except (urllib.error.URLError, OSError):
            return False

    def _trust(self) -> ssl.SSLContext | None:
        return ssl.create_default_context(cafile=str(self.paper.certificate_file)) if self.paper else None

    def put_index(self, repository: str, tag: str, text: str) -> str:
        """An index of two platforms; returns its digest."""
        manifests = []
        for architecture in ("amd64", "arm64"):
            content = self._manifest(
                repository, OCI_MANIFEST, {"architecture": architecture, "os": "linux", "of": text}
            )
            self._put_manifest(repository, digest_of(content), OCI_MANIFEST, content)
            manifests.append({
                "mediaType": OCI_MANIFEST, "digest": digest_of(content), "size": len(content),
                "platform": {"architecture": architecture, "os": "linux"},
            })  # fmt: skip
        index = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
        return self._put_manifest(repository, tag, OCI_INDEX, index)

    def put_single(self, repository: str, tag: str, text: str) -> str:
        """A manifest of one platform, as Docker pushes it; returns its digest."""
        content = self._manifest(repository, DOCKER_MANIFEST, {"architecture": "amd64", "os": "linux", "of": text})
        return self._put_manifest(repository, tag, DOCKER_MANIFEST, content)

    def _manifest(self, repository: str, media_type: str, config: Mapping[str, str]) -> bytes:
        blob = json.dumps(config).encode()
        with self._ask("POST", f"/v2/{repository}/blobs/uploads/", b"") as answer:
            place = answer.headers["location"]
        self._ask("PUT", f"{place}&digest={digest_of(blob)}", blob, "application/octet-stream").close()
        stated = {"mediaType": _CONFIGS[media_type], "digest": digest_of(blob), "size": len(blob)}
        return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": stated, "layers": []}).encode()

    def _put_manifest(self, repository: str, tag: str, media_type: str, content: bytes) -> str:
        self._ask("PUT", f"/v2/{repository}/manifests/{tag}", content, media_type).close()
        return digest_of(content)

    def _ask(self, method: str, path: str, body: bytes, content_type: str = "") -> Any:
        url = path if path.startswith("http") else f"{self.url}{path}"
        headers = {"content-type": content_type} if content_type else {}
        return urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method), timeout=10)


@contextmanager
def real_registry(
    folder: Path, images: Path, *, tls: Paper | None = None, auth: Mapping[str, Any] | None = None
) -> Iterator[RealRegistry]:
    """A registry over the images of a folder."""
    host = f"127.0.0.1:{free_port()}"
    http: dict[str, Any] = {"addr": host, "secret": "of tests"}
    if tls is not None:
        http["tls"] = {"certificate": str(tls.certificate_file), "key": str(tls.key_file)}
    config = {
        "version": "0.1", "log": {"level": "warn"}, "http": http,
        "storage": {"filesystem": {"rootdirectory": str(images)}, "delete": {"enabled": True}},
        **({"auth": dict(auth)} if auth else {}),
    }  # fmt: skip
    registry = RealRegistry(host, folder, config, tls)
    registry.start()
    try:
        yield registry
    finally:
        registry.stop()


@dataclass(frozen=True)
class Images:
    """A folder with images, and the digests that their tags stand for."""

    folder: Path
    digests: Mapping[str, str]
    single: str


@pytest.fixture(scope="session")
def registry_images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    """Images that were pushed once; every registry of these tests reads the same folder."""
    folder = tmp_path_factory.mktemp("images")
    with real_registry(tmp_path_factory.mktemp("pushing"), folder) as registry:
        digests = {tag: registry.put_index(API, tag, tag) for tag in TAGS}
        return Images(folder, digests, registry.put_single(SINGLE, "1", "single"))


@dataclass
class TokenService:
    """Gives tokens that the real registry checks: for USER with PASSWORD, and for what they may pull."""

    paper: Paper
    asked: list[str] = field(default_factory=list)
    host: str = ""

    def __post_init__(self) -> None:
        self.app = Starlette(routes=[Route("/token", self.answer)])

    @property
    def auth(self) -> Mapping[str, Any]:
        """What the registry is told of it, once it is served."""
        told = {"realm": f"http://{self.host}/token", "service": "registry", "issuer": "tests"}
        return {"token": {**told, "rootcertbundle": str(self.paper.certificate_file)}}

    async def answer(self, request: Request) -> Response:
        """A token, or 401."""
        self.asked.append(request.headers.get("authorization", ""))
        given = self.asked[-1].removeprefix("Basic ").encode()
        if base64.b64decode(given) != f"{USER}:{PASSWORD}".encode():
            return JSONResponse({"details": "incorrect username or password"}, 401)
        kind, name, actions = request.query_params["scope"].split(":")
        access = [{"type": kind, "name": name, "actions": [item for item in actions.split(",") if item == "pull"]}]
        now = int(time.time())
        claims = {
            "iss": "tests", "sub": USER, "aud": request.query_params["service"], "access": access, "iat": now,
            "nbf": now - 10, "exp": now + 300, "jti": str(len(self.asked)),
        }  # fmt: skip
        der = self.paper.certificate.public_bytes(serialization.Encoding.DER)
        header = {"typ": "JWT", "alg": "ES256", "x5c": [base64.b64encode(der).decode()]}
        key = ECKey.import_key(self.paper.key_file.read_bytes())
        token = await asyncio.to_thread(jwt.encode, header, claims, key)
        return JSONResponse({"token": token, "expires_in": 300})
