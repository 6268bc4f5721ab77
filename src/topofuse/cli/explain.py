"""`topofuse explain`: why a model says what it says of one structure."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import say


@click.command("explain")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model",
    default="full",
    show_default=True,
    metavar="full|fast|DIR",
    help="A model in the package (full, fast), or the folder of a model that `topofuse run` wrote.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    metavar="FILE.svg|FILE.png",
    help="Also draw the explanation into this file.",
)
@click.option(
    "--symmetrise",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="TOL",
    help="First make the structure symmetric within TOL Å: for structures whose symmetry is only nearly there (see the "
    "warning near_symmetry). A warning says what moved.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the explanation as JSON.")
def explain_command(file: Path, model: str, figure: Path | None, symmetrise: float | None, as_json: bool) -> None:
    """Show what the prediction for the structure in FILE is based on.

    \b
      modalities   how p(non-trivial) changes when one modality (a description of the crystal: crystal
                   graph, kspace, scalar, physics, bands, indicators) is left out; in the same line, the sum of the
                   contributions of its columns to the boosted trees, in log-odds
      columns      the columns with the strongest contributions to the boosted trees, with their values
      attention    how much the modalities attend to each other, if the model has networks with attention
      zone         number of electrons, levels at the special momenta, what the space group allows
      band sketch  the class that a rough tight-binding model of the bands would give

    Contributions say what the model used. They do not say what causes the topology of the material.
    """
    with plain_errors("nothing was written"):
        import json

        from topofuse.ensemble.bundle import open_bundle
        from topofuse.explain import explain
        from topofuse.explain.text import as_text
        from topofuse.system.files import null_undefined

        explanation = explain(file, open_bundle(model), tolerance=symmetrise)
        say(json.dumps(null_undefined(explanation.to_dict()), indent=1) if as_json else as_text(explanation))
        if figure is not None:
            from topofuse.explain.figure import save_figure

            save_figure(explanation, figure)
