"""The targets that the settings name: they are added, or changed, at each start."""

from typing import Final

from opstwin.control.place_fields import clusters_of
from opstwin.control.places import Places
from opstwin.domain.access import Actor
from opstwin.errors import Conflict
from opstwin.logs import logger
from opstwin.settings import Settings

_CLUSTERS: Final = "clusters"


def check_clusters(settings: Settings) -> frozenset[str]:
    """The ids of the targets that the settings name. Raises `InvalidInput` naming the entry, as `clusters[1].type`."""
    return frozenset(cluster.id for cluster in clusters_of({_CLUSTERS: list(settings.clusters)}))


async def import_clusters(settings: Settings, places: Places, actor: Actor) -> None:
    """Make the targets what the settings say. A target that they no longer name stays; a person removes it.

    Raises `InvalidInput` naming the entry; then nothing is changed.
    """
    if not settings.clusters:
        return
    config = {_CLUSTERS: list(settings.clusters)}
    try:
        imported = await places.import_clusters(config, actor)
    except Conflict:
        # Another hub on the same twin starts at this moment, with the same settings.
        imported = await places.import_clusters(config, actor)
    for note in imported.notes:
        logger().warning("cluster_switched_off", reason=note)
