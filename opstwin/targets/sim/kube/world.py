"""A world: one Kubernetes cluster with its API, its controllers, its clock and its faults."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Final

from opstwin.clock import Clock, VirtualClock
from opstwin.targets.sim.bell import Bell
from opstwin.targets.sim.kube.answering import answer
from opstwin.targets.sim.kube.asking import Ask, Reply, Route, failure_reply, json_reply, route
from opstwin.targets.sim.kube.cluster import ADMIN, Cluster, How, User, Webhook
from opstwin.targets.sim.kube.deleting import delete, deletion
from opstwin.targets.sim.kube.discovery import discovered
from opstwin.targets.sim.kube.failures import ApiFailure, no_such_path
from opstwin.targets.sim.kube.faults import FaultPlan
from opstwin.targets.sim.kube.furnishing import furnished
from opstwin.targets.sim.kube.life.engine import Life
from opstwin.targets.sim.kube.life.images import Image
from opstwin.targets.sim.kube.openapi import described
from opstwin.targets.sim.kube.reviews import reviewed, token_for
from opstwin.targets.sim.kube.rights import Act, denied, permits
from opstwin.targets.sim.kube.schema import Doc
from opstwin.targets.sim.kube.store import Key
from opstwin.targets.sim.kube.subresources import subresource
from opstwin.targets.sim.kube.usage import usage_answer
from opstwin.targets.sim.kube.writing import create, rewrite

ADMIN_TOKEN: Final = "admin-token"  # noqa: S105 - opens a simulated cluster
_STREAMED: Final = ("log", "exec", "attach", "portforward")


class KubeWorld:
    """One cluster of a Kubernetes `version` (1.20, 1.25, 1.33 or 1.37), for tests and demos.

    Time is `clock`'s: with a `VirtualClock` nothing moves until `advance` is called. The same seed, clock and requests
    give the same objects. Everything here is to be called from one thread.
    """

    def __init__(
        self, clock: Clock | None = None, version: str = "1.33", *, seed: int = 0, nodes: Iterable[str] = ("node-1",),
        metrics: bool = True,
    ) -> None:  # fmt: skip
        self.clock: Clock = clock or VirtualClock()
        self.cluster = Cluster(self.clock, version=version, seed=seed, metrics=metrics)
        self.faults = FaultPlan()
        self.bell = Bell()
        self.tokens: dict[str, User] = {ADMIN_TOKEN: ADMIN}
        self.partitioned = False
        self.epoch = 0
        self.bookmarks = 0
        self.requests: list[tuple[str, str]] = []
        self._nodes = tuple(nodes)
        self.life = Life(self.cluster)
        self.cluster.store.listeners.append(self._changed)
        furnished(self.cluster, self._nodes)
        self.life.settle()

    def handle(self, ask: Ask) -> Reply:
        """Answer one request that ends: everything but watches, followed logs and exec."""
        self.settle()
        try:
            return self._answered(ask)
        except ApiFailure as failure:
            return failure_reply(failure)
        finally:
            self.settle()

    def _answered(self, ask: Ask) -> Reply:
        if ask.path in ("/healthz", "/livez", "/readyz"):
            return Reply(body=b"ok", content_type="text/plain; charset=utf-8")
        plain = discovered(self.cluster, ask) or described(self.cluster, ask)
        if plain is not None:
            return plain
        found = self.routed(ask)
        special = reviewed(self.cluster, found, ask) or usage_answer(self.cluster, self.life, found, ask)
        if special is not None:
            return special
        if found.subresource == "token":
            return self._token(found, ask)
        if found.subresource in _STREAMED:
            raise no_such_path()
        return subresource(self.cluster, found, ask) if found.subresource else answer(self.cluster, found, ask)

    def routed(self, ask: Ask) -> Route:
        """What a request is about, once its user may do it. Raises 403, 404, 405."""
        found = route(self.cluster, ask)
        if not permits(self.cluster, ask.user, found.act):
            raise denied(ask.user, found.act)
        if ask.content_type.startswith("application/apply-patch") and not self.cluster.store.get(
            Key(found.kind.home, found.namespace, found.name)
        ):
            self._may(ask.user, Act(
                verb="create", group=found.kind.group, resource=found.kind.plural, namespace=found.namespace,
            ))  # fmt: skip
        return found

    def _may(self, user: User, act: Act) -> None:
        if not permits(self.cluster, user, act):
            raise denied(user, act)

    def user_of(self, token: str | None) -> User:
        """Whose token this is. Raises 401."""
        found = self.tokens.get(token or "")
        if found is None:
            raise ApiFailure(401, "Unauthorized", "Unauthorized")
        return found

    def _token(self, found: Route, ask: Ask) -> Reply:
        token, user, reply = token_for(self.cluster, found, ask)
        self.tokens[token] = user
        return json_reply(reply, 201)

    def settle(self) -> None:
        """Let the controllers do all that is due now."""
        self.life.settle()

    def advance(self, seconds: float) -> None:
        """Move a virtual clock on and let everything happen that falls into that time, in its order."""
        if not isinstance(self.clock, VirtualClock):
            raise TypeError("Only a virtual clock can be advanced.")
        self.clock.advance(seconds)
        self.settle()
        self.bell.ring()

    def _changed(self, _change: object) -> None:
        self.bell.ring()

    def user(
        self, name: str, token: str, *, groups: Iterable[str] = (), rules: Iterable[Doc] = (), namespace: str = ""
    ) -> User:
        """Let somebody in with a token. `rules` (PolicyRules) hold in `namespace`, or ("") in the whole cluster."""
        found = User(name, (*groups, "system:authenticated"))
        self.tokens[token] = found
        if rules:
            self._grant(name, list(rules), namespace)
        return found

    def _grant(self, name: str, rules: list[Doc], namespace: str) -> None:
        role, binding = ("Role", "RoleBinding") if namespace else ("ClusterRole", "ClusterRoleBinding")
        slug = "".join(letter if letter.isalnum() else "-" for letter in name.lower())
        self.create({"kind": role, "metadata": {"name": slug, "namespace": namespace}, "rules": rules})
        self.create({
            "kind": binding, "metadata": {"name": slug, "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": slug},
            "subjects": [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"}],
        })  # fmt: skip

    def revoke(self, token: str) -> None:
        """From now on a token is refused with 401."""
        self.tokens.pop(token, None)

    def image(self, name: str, behaviour: Image) -> None:
        """Declare how containers of an image behave."""
        self.life.images[name] = behaviour

    def kubelets_tell_late(self, seconds: float) -> None:
        """From now on, what kubelets tell in events comes so much later than it happened, as on busy nodes."""
        self.life.kubelets_tell_late_s = seconds

    def webhook(self, name: str, answer: str, text: str = "") -> None:
        """What a configured admission webhook comes to when it is called: down (its first state), deny or allow."""
        self.cluster.webhooks[name] = Webhook(answer=answer, text=text)

    def create(self, doc: Doc, *, manager: str = "somebody") -> Doc:
        """Somebody creates an object of a built-in kind by hand."""
        kind = self.cluster.named(doc["kind"])
        namespace = doc["metadata"].get("namespace") or "default" if kind.namespaced else ""
        plain = {key: value for key, value in doc.items() if key not in ("apiVersion",)}
        plain["metadata"] = {key: value for key, value in doc["metadata"].items() if key != "namespace"}
        made = create(self.cluster, kind, namespace, plain, How(manager=manager))
        self.settle()
        return made

    def edit(
        self, kind_name: str, namespace: str, name: str, patch: Mapping[str, Any], *, manager: str = "somebody"
    ) -> Doc:
        """Somebody changes an object by hand; `patch` is a merge patch."""
        from opstwin.targets.sim.kube.patches import merge_patched

        kind = self.cluster.named(kind_name)
        live = self.get(kind_name, namespace, name)
        made = merge_patched(copy.deepcopy(live), dict(patch))
        done = rewrite(self.cluster, kind, Key(kind.home, namespace, name), live, made, How(manager=manager))
        self.settle()
        return done

    def remove(self, kind_name: str, namespace: str, name: str) -> None:
        """Somebody deletes an object by hand, with what it owns."""
        kind = self.cluster.named(kind_name)
        delete(self.cluster, kind, Key(kind.home, namespace, name), deletion({}, {}), How())
        self.settle()

    def get(self, kind_name: str, namespace: str, name: str) -> Doc:
        """An object as it is now. Raises `KeyError`."""
        self.settle()
        found = self.cluster.get(kind_name, namespace, name)
        if found is None:
            raise KeyError(f"{kind_name} {namespace}/{name}")
        return found

    def all(self, kind_name: str, namespace: str = "") -> list[Doc]:
        """All objects of a built-in kind in a namespace ("" for all)."""
        self.settle()
        return [doc for _, doc in self.cluster.store.all(self.cluster.named(kind_name).home, namespace)]

    def compact(self) -> None:
        """Forget the history: watches and page tokens from before end in 410."""
        self.cluster.store.compact()
        self.bell.ring()

    def send_bookmarks(self) -> None:
        """Send a bookmark on every watch that takes bookmarks."""
        self.bookmarks += 1
        self.bell.ring()

    def restart(self, *, keep_state: bool = True) -> None:
        """The server is started anew: streams end. Without its state it comes back empty, as after a lost disk."""
        if not keep_state:
            self.cluster.start_afresh()
            self.life.forget()
            furnished(self.cluster, self._nodes)
        self.epoch += 1
        self.settle()
        self.bell.ring()

    def partition(self, cut_off: bool = True) -> None:
        """The network to the server breaks (or with False is whole again): connections break without an answer."""
        self.partitioned = cut_off
        self.bell.ring()
