"""Making one container: its image, its secrets, its networks, its start."""

from collections.abc import Mapping
from typing import Final

from opstwin.domain.values import Spec
from opstwin.errors import NotFound, OpstwinError, Rejected
from opstwin.logs import MASK
from opstwin.targets.docker.clashes import explained, is_image_missing
from opstwin.targets.docker.composing import Body, container_body, endpoint_body, names, texts
from opstwin.targets.docker.defaults import Found, env_of
from opstwin.targets.docker.describing import anonymous_volumes
from opstwin.targets.docker.engine import Engine
from opstwin.targets.docker.images import Images
from opstwin.targets.docker.marks import labels_for
from opstwin.targets.docker.masking import unmasked_env, unmasked_words
from opstwin.targets.docker.sightings import moment
from opstwin.targets.docker.steps import Step
from opstwin.targets.secrets import SecretSource
from opstwin.targets.specs import clean_path

SHORTEST_SECRET: Final = 4
"""Shorter values are not looked for in an engine's words: they would be found everywhere."""


_WORDS: Final = {"command": "Cmd", "entrypoint": "Entrypoint"}


class ContainerMaker:
    """Creates and starts containers."""

    def __init__(self, engine: Engine, images: Images, secrets: SecretSource) -> None:
        self._engine, self._images, self._secrets = engine, images, secrets

    async def make(self, step: Step, name: str, predecessor: Found) -> str:
        """The id of a new container, not started. What the image lacks is pulled.

        `predecessor` is the container whose place it takes, or empty: masked values and the volumes that nobody named
        come from there. Raises `Rejected` without a trace of secrets.
        """
        secrets = await self._engine.offload(lambda: self._resolved(step.wanted))
        body = _body(step, secrets, predecessor)
        try:
            return await self._created(step, name, body)
        except (NotFound, Rejected) as error:
            raise _without(secrets, error) from None

    async def bring_up(self, step: Step, id: str, joined: Mapping[str, object]) -> None:
        """Join the networks it has not joined, and start it if it is to run."""
        for network in names(step.wanted, "networks"):
            if network not in joined:
                await self._join(step, id, network)
        if step.wanted.get("running", True):
            await step.do("container.start", lambda api: api.command("containers", id, "start"))

    async def _join(self, step: Step, id: str, network: str) -> None:
        body = {"Container": id, "EndpointConfig": endpoint_body(step.change.workload)}
        await step.do("network.connect", lambda api: api.command("networks", network, "connect", body=body))

    async def bring_up_or_remove(self, step: Step, id: str, joined: Mapping[str, object]) -> None:
        """Bring it up; when the engine refuses and it never ran, nothing of it is left.

        Raises `Rejected` that says why.
        """
        try:
            await self.bring_up(step, id, joined)
        except (NotFound, Rejected) as error:
            why = await explained(step, error)
            found: Found = await step.look("container.inspect", lambda api: api.read("containers", id, "json"))
            if moment((found.get("State") or {}).get("StartedAt")) is None:
                await step.do("container.remove", lambda api: api.remove("containers", id, v="true", force="true"))
            raise why from error

    def first_joined(self, step: Step) -> Mapping[str, object]:
        """The networks that a container has joined when it is made: the first one."""
        return dict.fromkeys(names(step.wanted, "networks")[:1])

    async def _created(self, step: Step, name: str, body: Body) -> str:
        try:
            return await self._create(step, name, body)
        except NotFound as error:
            if not is_image_missing(error):
                raise
        await self._images.pull(str(body["Image"]), step.deadline)
        return await self._create(step, name, body)

    async def _create(self, step: Step, name: str, body: Body) -> str:
        made = await step.do("container.create", lambda api: api.command("containers", "create", body=body, name=name))
        return str(made["Id"])

    def _resolved(self, spec: Spec) -> dict[str, str]:
        return {key: self._secrets.resolve(reference) for key, reference in texts(spec, "secret_env").items()}


def _body(step: Step, secrets: Mapping[str, str], predecessor: Found) -> Body:
    old: Found = predecessor.get("Config") or {}
    spec = dict(step.wanted)
    for field, name in _WORDS.items():
        words = unmasked_words(spec, field, [str(word) for word in old.get(name) or ()])
        spec[field] = [*words] if words else None
    env = {**unmasked_env(spec, env_of(old)), **secrets}
    labels = {**texts(spec, "labels"), **labels_for(step.order, step.wanted)}
    body = container_body(spec, env, labels, step.change.workload)
    body["HostConfig"]["Mounts"] += _inherited(body, predecessor)
    return body


def _inherited(body: Body, predecessor: Found) -> list[Body]:
    """The volumes that nobody named, mounted where the predecessor had them: their data outlives a replacement."""
    taken = {clean_path(str(mount["Target"])) for mount in body["HostConfig"]["Mounts"]}
    return [
        {"Type": "volume", "Source": name, "Target": path}
        for path, name in anonymous_volumes(predecessor).items()
        if clean_path(path) not in taken
    ]


def _without(secrets: Mapping[str, str], error: OpstwinError) -> Rejected:
    """`error` without the values of secrets: engines quote what they refuse."""

    def clean(text: str) -> str:
        for value in sorted(secrets.values(), key=len, reverse=True):
            if len(value) >= SHORTEST_SECRET:
                text = text.replace(value, MASK)
        return text

    details = {key: clean(item) if isinstance(item, str) else item for key, item in error.details.items()}
    return Rejected(clean(error.message), next_step=clean(error.next_step), details=details)
