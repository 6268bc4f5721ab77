"""What is said to a person: everything that the commands print goes through `say`."""

from __future__ import annotations

import click

from topofuse.system.text import visible


def say(text: str, *, nl: bool = True) -> None:
    """Print on standard output, with what a terminal would obey made visible."""
    click.echo(visible(text), nl=nl)


def tell(text: str) -> None:
    """The same on standard error: progress, errors, remarks."""
    click.echo(visible(text), err=True)


class PlainGroup(click.Group):
    """Commands whose usage errors quote arguments, made visible too."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that is asked for."""
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            raise _shown(error) from None


def _shown(error: click.ClickException) -> click.ClickException:
    """The error with a message that prints; click's own classes word it, so it is theirs that is changed."""
    vars(error)["message"] = visible(error.message)
    return error
