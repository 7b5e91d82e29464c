"""Google's Container Registry and Artifact Registry: a service account's key file, or an access token."""

from dataclasses import dataclass, replace

from opstwin.registries.kinds.references import pair_of
from opstwin.registries.ports import Login, SigningIn


@dataclass(frozen=True, slots=True)
class Google:
    """The form of the secret says what it is: a key file in JSON, the same in base64, else an access token."""

    name: str = "gcr"
    options: tuple[str, ...] = ()

    def suits(self, host: str) -> bool:
        """See the port."""
        return host == "gcr.io" or host.endswith((".gcr.io", "-docker.pkg.dev"))

    async def login(self, signing: SigningIn) -> Login:
        """See the port."""
        if signing.place.username or not signing.place.credential:
            return await pair_of(signing)
        found = await pair_of(signing, "oauth2accesstoken")
        return replace(found, username=_name_for(found.password.strip()), password=found.password.strip())


def _name_for(secret: str) -> str:
    if secret.startswith("{"):
        return "_json_key"
    # A base64 of a JSON object begins with ey or ew; access tokens begin with ya29.
    return "_json_key_base64" if secret.startswith(("ey", "ew")) and "." not in secret else "oauth2accesstoken"
