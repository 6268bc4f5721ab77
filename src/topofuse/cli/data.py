"""`topofuse data`: look at data sets, and check them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from topofuse.cli.errors import USAGE_ERROR, plain_errors


@click.group("data")
def data_group() -> None:
    """Look at and check data sets.

    \b
    A .parquet has one row per material and the columns
      material_id   text, unique
      class_soc     trivial, hsp_semimetal, hsl_semimetal, ti, tci or unknown
      lattice       list of 9 numbers: row vectors a, b, c in Å
      numbers       list of N atomic numbers
      frac_coords   list of 3N fractional coordinates
      split, fold   optional, together: pool, test or unlabelled; 0 to 4 in the pool, -1 elsewhere

    \b
    A .csv has the columns
      path          structure file, relative to the CSV
      label         one of the five classes; empty or unknown where not known
      id            optional, unique
      split, fold   optional, together

    Where split and fold are absent they are made: 15 % test and five folds, grouped by reduced formula,
    so that no formula is on both sides. A material of unknown class is never taken as trivial.
    """


@data_group.command("info")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def data_info(path: Path | None) -> None:
    """Tell what the data set at PATH holds (without PATH: the embedded one)."""
    with plain_errors("nothing was changed"):
        from topofuse.materials import check, load

        click.echo(check.describe_text(load(path)))


@data_group.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def data_check(path: Path | None) -> None:
    """List what is wrong with the data set at PATH; exit code 2 if anything is."""
    with plain_errors("nothing was changed"):
        from topofuse.materials import check

        found = check.check(path)
    for problem in found:
        click.echo(problem)
    if found:
        sys.exit(USAGE_ERROR)
    click.echo("no problems found")
