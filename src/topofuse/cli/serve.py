"""`topofuse serve`: the local page."""

from __future__ import annotations

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import tell


@click.command("serve")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Port to listen on; 0: any free port.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on. With another one, such as 0.0.0.0, other machines can reach the page; it then asks for "
    "a token, which is part of the address that the command prints.",
)
@click.option("--model", default="full", show_default=True, metavar="full|fast|DIR", help="As for `predict`.")
@click.option(
    "--open/--no-open", "open_browser", default=True, show_default=True, help="Open the page in a web browser."
)
def serve_command(port: int, host: str, model: str, open_browser: bool) -> None:
    """Open a local web page for structure files.

    Drop structure files on it, and see their classes, crystals and Brillouin zones. The page is for this
    machine alone: it listens on 127.0.0.1, contacts no other address, and keeps no file. With GPAW installed, it
    can check an answer from first principles. Programs can use the same interface; it is described at
    /api/openapi.json. Ctrl-C ends the command.
    """
    with plain_errors("the page is no longer served"):
        from topofuse.web.serve import serve

        serve(model, port, host=host, open_browser=open_browser, say=tell)
