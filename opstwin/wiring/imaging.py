"""The registries of a hub: which file names them, what signs in to them, and which addresses may be asked."""

import os
from collections.abc import Sequence

from opstwin.control.ledger import Ledger
from opstwin.domain.target import Target
from opstwin.registries.directory import Registries, Surroundings
from opstwin.registries.loading import load
from opstwin.settings import Settings
from opstwin.targets.reaching import Reach
from opstwin.wiring.drivers import hub_secrets


def registries_of(settings: Settings, ledger: Ledger, reach: Reach) -> Registries:
    """The registries that the file and the active targets name; neither is looked at before an image is asked for."""

    async def targets() -> Sequence[Target]:
        return await ledger.all(Target, {"is_active": True})

    return Registries(
        Surroundings(
            file=settings.registries_file or settings.data_dir / "registries.yaml", kinds=load(),
            secrets=hub_secrets(os.environ, settings.secrets_folder), clock=ledger.clock, check=reach.check,
            targets=targets,
        )
    )  # fmt: skip
