"""A namespace of its own on a real cluster, the writing side of the driver on it, and hands behind its back."""

import asyncio
import json
import secrets
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from opstwin.clock import SystemClock
from opstwin.domain.plan import Change, Op
from opstwin.domain.resource import Presence
from opstwin.domain.values import ResourceId, Spec, TargetId, resource_id
from opstwin.errors import Timeout
from opstwin.manifests.ownership import MANAGER
from opstwin.targets.kubernetes.connecting import Address, Connection
from opstwin.targets.kubernetes.placing import Placing
from opstwin.targets.kubernetes.previewing import KubernetesPreviewer
from opstwin.targets.kubernetes.renderer import KubernetesRenderer
from opstwin.targets.kubernetes.sending import Answer, Call, Sender, Wire
from opstwin.targets.kubernetes.serving import Serving
from opstwin.targets.kubernetes.wire import ApiWire
from opstwin.targets.kubernetes.writer import KubernetesWriter
from opstwin.targets.ports import Order, Sighting
from opstwin.targets.secrets import HubSecrets

TARGET = TargetId("real")
IMAGE, NEWER = "k8slocal/busybox:1", "k8slocal/busybox:2"
SECRET = "correct horse battery"
DEADLINE_S = 60.0
Object = dict[str, Any]


class Looking:
    """Enough of a reader for the writer to answer with: the raw object, as it is."""

    def __init__(self, sender: Sender, serving: Serving) -> None:
        self._sender, self._serving = sender, serving

    async def observe(self, resource: ResourceId) -> Sighting:
        _, kind, name = resource.split("/", 2)
        place = await self._serving.place(kind, name)
        answer = await self._sender.send(Call(method="GET", path=place.path, deadline_s=10.0))
        assert answer.ok or answer.status == 404, answer
        spec = answer.body if answer.ok else None
        presence = Presence.PRESENT if answer.ok else Presence.ABSENT
        return Sighting(resource=resource, kind=kind, name=name, presence=presence, spec=spec)


@dataclass
class Losing:
    """A sender on which the answers to some calls get lost after they had their effect, or before."""

    inner: Sender
    lose: Callable[[Call], bool] = lambda _: False
    meanwhile: Callable[[Call], Awaitable[None]] | None = None
    sent: list[Call] = field(default_factory=list)

    async def send(self, call: Call) -> Answer:
        if self.meanwhile is not None:
            await self.meanwhile(call)
        self.sent.append(call)
        answer = await self.inner.send(call)
        if self.lose(call):
            raise Timeout("The answer was lost.")
        return answer

    def count(self, method: str) -> int:
        return sum(call.method == method for call in self.sent)


@dataclass
class Spot:
    """`kubectl` is what somebody else does; `writer`, `previewer` and `renderer` are Opstwin's.

    `beside` are others on the same namespace that are closed together with it.
    """

    kubeconfig: Path
    namespace: str
    writer: KubernetesWriter
    previewer: KubernetesPreviewer
    renderer: KubernetesRenderer
    wire: Wire
    losing: Losing
    beside: "list[Spot]" = field(default_factory=list)

    def kubectl(self, *words: str, input: Object | None = None, check: bool = True) -> str:
        argv = ["kubectl", "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *words]
        text = None if input is None else json.dumps(input)
        made = subprocess.run(argv, input=text, capture_output=True, text=True, check=False, timeout=60)
        assert made.returncode == 0 or not check, made.stderr
        return made.stdout + made.stderr

    def there(self, kind: str, name: str) -> Object:
        found: Object = json.loads(self.kubectl("get", kind, name, "-o", "json", "--show-managed-fields"))
        return found

    def is_there(self, kind: str, name: str) -> bool:
        return bool(self.kubectl("get", kind, name, "--ignore-not-found", "-o", "name").strip())

    def id(self, kind: str, name: str) -> ResourceId:
        return resource_id(TARGET, kind, f"{self.namespace}/{name}")

    def order(self, op: Op, wanted: Object | None, key: str, **fields: Any) -> Order:
        """An order for `wanted`; `kind` and `name` stand in for it where there is none."""
        kind = fields.pop("kind", None) or str(wanted["kind"]).lower()  # type: ignore[index]
        name = fields.pop("name", None) or str(wanted["metadata"]["name"])  # type: ignore[index]
        full = fields.pop("full", f"{self.namespace}/{name}")
        change = Change(
            resource=resource_id(TARGET, kind, full), target=TARGET, kind=kind, name=full, op=op, workload="shop",
            after=wanted, before=fields.pop("before", None), takes=fields.pop("takes", ()),
        )  # fmt: skip
        made = Order(change=change, key=key, fence=1, deadline_s=DEADLINE_S)
        return replace(made, **fields)

    async def until(self, kind: str, name: str, is_so: Callable[[Object], bool]) -> Object:
        """The object once it is there and so."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                if self.is_there(kind, name) and is_so(found := self.there(kind, name)):
                    return found
                await asyncio.sleep(0.2)

    def configmap(self, name: str = "settings", **data: str) -> Object:
        return {
            "apiVersion": "v1", "kind": "ConfigMap", "data": data,
            "metadata": {"name": name, "namespace": self.namespace},
        }  # fmt: skip

    def deployment(self, *argv: str, name: str = "web", image: str = IMAGE, **spec: Any) -> Object:
        labels = {"app": name}
        container = {"name": "main", "image": image, "command": list(argv) or ["sleep", "3600"]}
        pod = {"terminationGracePeriodSeconds": 0, "dnsPolicy": "Default", "containers": [container]}
        return {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod}, **spec,
            },
        }  # fmt: skip


def spot_at(kubeconfig: Path, namespace: str) -> Spot:
    clock = SystemClock()
    connection = Connection(Address(file=kubeconfig), clock)
    api = ApiWire(connection, lambda _: None)
    losing, hub = Losing(api), HubSecrets({"SHOP_TOKEN": SECRET})
    serving = Serving(losing, clock)
    wire = Wire(sender=losing, locator=serving, dialler=api, close=connection.close)
    looking: Any = Looking(api, serving)
    return Spot(
        kubeconfig=kubeconfig, namespace=namespace, wire=wire, losing=losing,
        writer=KubernetesWriter(wire, looking, secrets=hub, clock=clock),
        previewer=KubernetesPreviewer(wire, Placing(TARGET, namespace, serving), secrets=hub, clock=clock),
        renderer=KubernetesRenderer(TARGET, namespace, serving.served),
    )  # fmt: skip


def fresh_namespace() -> str:
    return f"ot-{secrets.token_hex(4)}"


def owners_of(found: Object, *path: str) -> set[str]:
    """Who owns the field at `path`."""
    holders = set()
    for entry in found["metadata"].get("managedFields", []):
        tree = entry.get("fieldsV1", {})
        for step in path:
            tree = tree.get(step) if isinstance(tree, dict) else None
        holders |= {entry["manager"]} if tree is not None else set()
    return holders


def observed(found: Object) -> Spec:
    """The object as a reader hands it on: what only a cluster says left out, but for what Opstwin owns."""
    metadata = found["metadata"]
    ours = [entry for entry in metadata.get("managedFields", []) if entry["manager"] == MANAGER]
    kept = {key: metadata[key] for key in ("name", "namespace", "labels") if key in metadata}
    notes = {key: value for key, value in metadata.get("annotations", {}).items() if not key.startswith("opstwin.io/")}
    kept |= ({"annotations": notes} if notes else {}) | {"managedFields": ours}
    return {**{key: value for key, value in found.items() if key != "status"}, "metadata": kept}
