"""Verbs about images in registries."""

from typing import Annotated

import typer

from opstwin.cli import output
from opstwin.cli.options import Output, Token, Url, hub_of
from opstwin.cli.output import Form

images = typer.Typer(no_args_is_help=True, help="Images in the registries that the hub may ask.")
Image = Annotated[str, typer.Argument(help="Such as registry.example.com/shop/api:2.4.")]


@images.command("tags")
def images_tags(
    image: Image,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 200,
    form: Output = Form.TABLE,
    url: Url = None,
    token: Token = None,
) -> None:
    """Which tags an image has."""
    answer = hub_of(url, token).get("/images/tags", image=image, limit=limit)
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    output.table(["tag"], [[tag] for tag in answer["tags"]], empty=f"{answer['image']} has no tags.")
    if answer["cut"]:
        output.note("There are more.")


@images.command("resolve")
def images_resolve(image: Image, form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """Which digest a tag stands for now; prints the name with it."""
    answer = hub_of(url, token).get("/images/resolve", image=image)
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    output.line(answer["pinned"])
    if not answer["is_index"]:
        output.note("It is the manifest of one platform, not an index of several.")


@images.command("registries")
def images_registries(form: Output = Form.TABLE, url: Url = None, token: Token = None) -> None:
    """The registries that may be asked, and how the hub signs in to them."""
    answer = hub_of(url, token).get("/registries")
    if form is not Form.TABLE:
        output.data(answer, form)
        return
    rows = [[item["name"], item["host"], item["type"], item["credential"], item["source"]] for item in answer["items"]]
    output.table(["registry", "host", "type", "credential", "from"], rows, empty="No registries are configured.")
    for name, why in answer["refused"].items():
        output.note(f"{name}: {why}", colour="bad")
