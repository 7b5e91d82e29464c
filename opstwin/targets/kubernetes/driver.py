"""Building the driver of one cluster; nothing is connected by it."""

from collections.abc import Callable

from opstwin.clock import Clock
from opstwin.domain.names import checked_name
from opstwin.domain.target import Target
from opstwin.targets.kubernetes.connecting import Address, Connection
from opstwin.targets.kubernetes.placing import Placing
from opstwin.targets.kubernetes.previewing import KubernetesPreviewer
from opstwin.targets.kubernetes.reader import KubernetesReader
from opstwin.targets.kubernetes.renderer import KubernetesRenderer
from opstwin.targets.kubernetes.scope import HOME, Scope
from opstwin.targets.kubernetes.sending import Wire
from opstwin.targets.kubernetes.serving import Serving
from opstwin.targets.kubernetes.streaming import Streams
from opstwin.targets.kubernetes.wire import ApiWire
from opstwin.targets.kubernetes.writer import KubernetesWriter
from opstwin.targets.ports import Driver
from opstwin.targets.secrets import SecretSource


def kubernetes_driver(target: Target, *, secrets: SecretSource, clock: Clock, on_call: Callable[[str], None]) -> Driver:
    """Reader, renderer, writer and previewer for one cluster.

    `target.agent_endpoint` is `kubeconfig:///path/to/file` or `kubeconfig://in-cluster`. Of `target.settings` these are
    used: `context` (of the file; its current one by default), `namespace` (where workloads go; "default" by default)
    and what `Scope` reads.
    `on_call` hears of every API call as `verb:outcome`, such as `patch:ok`. Raises `InvalidInput` naming the field.
    """
    namespace = checked_name(target.settings.get("namespace") or HOME, "settings.namespace")
    connection = Connection(Address.of(target), clock)
    api = ApiWire(connection, on_call)
    serving = Serving(api, clock)
    wire = Wire(sender=api, locator=serving, dialler=api, close=connection.close)
    reader = KubernetesReader(target.id, api, Streams(connection.client, on_call), serving, Scope.of(target), clock)
    return Driver(
        reader=reader,
        renderer=KubernetesRenderer(target.id, namespace, serving.served),
        writer=KubernetesWriter(wire, reader, secrets=secrets, clock=clock),
        previewer=KubernetesPreviewer(wire, Placing(target.id, namespace, serving), secrets=secrets, clock=clock),
    )
