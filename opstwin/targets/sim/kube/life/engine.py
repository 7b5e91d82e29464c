"""The engine of a cluster's life: what changed is looked at again, what is due is done in the order of time."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opstwin.targets.sim.kube.cluster import Cluster
from opstwin.targets.sim.kube.failures import ApiFailure
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Change, Key

MAX_STEPS: Final = 2_000_000
LOG_LINES: Final = 1_000
RETRY_S: Final = 1.0
"""After how long a controller tries again what was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """What a kubelet has to tell of a pod, since `happened_at`, and tells at `due_at`."""

    about: Doc
    reason: str
    message: str
    warning: bool
    happened_at: datetime
    due_at: datetime


class Life:
    """Wakes controllers. A controller is woken with a key whenever its object, or one that it owns, has changed."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.images: dict[str, Image] = {}
        self.usage: dict[str, tuple[float, int]] = {}
        self.paused = False
        self.logs: dict[tuple[str, str], list[tuple[datetime, str]]] = {}
        self.events: dict[tuple[str, str, str, str], Key] = {}
        self.kubelets_tell_late_s = 0.0
        self.untold: dict[Key, list[Untold]] = {}
        self.pods: dict[Key, dict[str, Doc]] = {}
        self.leaving: dict[Key, float] = {}
        self.gone: dict[Key, str] = {}
        self.refused: dict[Key, str] = {}
        self.looks: dict[Key, float] = {}
        self.answers: dict[tuple[str, ...], tuple[int, str, str]] = {}
        self._dirty: dict[Key, None] = {}
        self._due: list[tuple[datetime, int, Key]] = []
        self._busy = False
        self._addresses = 0
        cluster.store.listeners.append(self._changed)

    def forget(self) -> None:
        """Nothing is due any more."""
        self._dirty.clear()
        self._due.clear()
        self.logs.clear()
        self.pods.clear()
        self.leaving.clear()
        self.events.clear()
        self.untold.clear()

    def later(self, seconds: float, key: Key) -> None:
        """Look at `key` again after `seconds`."""
        due = self.cluster.now() + timedelta(seconds=seconds)
        heapq.heappush(self._due, (due, self.cluster.number(), key))

    def wake(self, key: Key) -> None:
        """Look at `key` again now."""
        self._dirty[key] = None

    def settle(self) -> None:
        """Do all that is due by the clock. Time stands at each moment while its work is done."""
        if self._busy or self.paused or not (self._dirty or self._due):
            return
        self._busy = True
        try:
            self._work_through(self.cluster.clock.now())
        finally:
            self.cluster.moment = None
            self._busy = False

    def _work_through(self, end: datetime) -> None:
        for _ in range(MAX_STEPS):
            if self._dirty:
                key = next(iter(self._dirty))
                del self._dirty[key]
                self._look(key)
            elif self._due and self._due[0][0] <= end:
                due, _, key = heapq.heappop(self._due)
                self.cluster.moment = due
                self._dirty[key] = None
            else:
                return
        raise RuntimeError("The cluster never comes to rest.")

    def _look(self, key: Key) -> None:
        for look in controllers_of(key.home):
            try:
                look(self, key)
            except ApiFailure as failure:
                self.refused[key] = failure.message
                self.later(RETRY_S, key)

    def _changed(self, change: Change) -> None:
        self.wake(change.key)
        if change.type == "DELETED":
            self.gone[change.key] = change.doc["metadata"]["uid"]
        self._wake_owners(change)
        if change.key.home == "nodes":
            self._node_changed()
        if change.key.namespace:
            self._wake_counters(change)

    def _wake_owners(self, change: Change) -> None:
        for doc in (change.doc, change.before):
            for owner in ((doc or {}).get("metadata") or {}).get("ownerReferences") or []:
                home = self.cluster.home_of(owner["apiVersion"], owner["kind"])
                if home is not None:
                    self.wake(Key(home, self._space(home, change.key.namespace), owner["name"]))

    def _wake_counters(self, change: Change) -> None:
        """Wake what counts the objects of the namespace, and the namespace itself when one has left it."""
        if change.key.home == "pods":
            self._pod_changed(change)
        else:
            for key, _ in self.cluster.store.all("resourcequotas", change.key.namespace):
                self.wake(key)
        if change.type == "DELETED":
            self.wake(Key("namespaces", "", change.key.namespace))

    def _space(self, home: str, namespace: str) -> str:
        return namespace if self.cluster.kind_of(home).namespaced else ""

    def _pod_changed(self, change: Change) -> None:
        """Wake what counts pods."""
        for home in ("services", "poddisruptionbudgets.policy", "resourcequotas"):
            for key, _ in self.cluster.store.all(home, change.key.namespace):
                self.wake(key)

    def _node_changed(self) -> None:
        """Wake what chooses nodes."""
        for key, _ in self.cluster.store.all("daemonsets.apps"):
            self.wake(key)
        for key, pod in self.cluster.store.all("pods"):
            if not pod["spec"].get("nodeName"):
                self.wake(key)

    def address(self) -> str:
        """The next pod's address."""
        self._addresses += 1
        return f"10.244.{self._addresses // 250 % 250}.{self._addresses % 250 + 2}"

    def say(self, pod: Key, container: str, text: str) -> None:
        """A container writes a line."""
        lines = self.logs.setdefault((f"{pod.namespace}/{pod.name}", container), [])
        lines.append((self.cluster.now(), text))
        del lines[:-LOG_LINES]

    def usage_of(self, pod: Doc, container: str) -> tuple[float, int]:
        """`(cpu_millicores, memory_bytes)` of one container; set under `namespace/pod/container` or `namespace/pod`."""
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        return self.usage.get(f"{name}/{container}") or self.usage.get(name) or (5.0, 16 * 2**20)

    def usage_of_node(self, node: str) -> tuple[float, int]:
        """The same of all containers on a node."""
        found = [
            self.usage_of(pod, item["name"])
            for _, pod in self.cluster.store.all("pods")
            if pod["spec"].get("nodeName") == node
            for item in pod["spec"]["containers"]
        ]
        return sum(cpu for cpu, _ in found), sum(memory for _, memory in found)


Controller = Callable[[Life, Key], None]


def controllers_of(home: str) -> tuple[Controller, ...]:
    """Who looks at objects of a home."""
    from opstwin.targets.sim.kube.life.controllers import CONTROLLERS

    return CONTROLLERS.get(home, ()) + CONTROLLERS[""]
