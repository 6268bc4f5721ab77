"""`topofuse explain`: why a model says what it says of one structure."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors


@click.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model",
    default="full",
    show_default=True,
    metavar="full|fast|DIR",
    help="A model that comes along, or the folder of a bundle that `run` wrote.",
)
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE.svg|FILE.png", help="Draw it, too.")
@click.option("--json", "as_json", is_flag=True, help="The same as data.")
def explain_command(file: Path, model: str, figure: Path | None, as_json: bool) -> None:
    """Explain the answer for the structure in FILE.

    \b
      modalities   how p(non-trivial) changes when one is left out; beside it, the sum of what the
                   boosted trees take from its columns, in log-odds
      columns      the strongest contributions to the boosted trees, by name and value
      attention    between the modalities, where the model has networks that attend
      zone         electrons, levels at the special momenta, what the space group allows
      band sketch  what a tight-binding sketch of the bands says

    Contributions say what the model used, not what makes the material what it is.
    """
    with plain_errors("nothing was written"):
        import json

        from topofuse.ensemble.bundle import open_bundle
        from topofuse.explain import explain
        from topofuse.explain.text import as_text
        from topofuse.system.files import null_undefined

        found = explain(file, open_bundle(model))
        click.echo(json.dumps(null_undefined(found.to_dict()), indent=1) if as_json else as_text(found))
        if figure is not None:
            from topofuse.explain.figure import save_figure

            save_figure(found, figure)
