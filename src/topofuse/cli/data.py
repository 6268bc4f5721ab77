"""`topofuse data`: look at data sets, and check them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from topofuse.cli.errors import USAGE_ERROR, plain_errors
from topofuse.cli.terminal import say


@click.group("data")
def data_group() -> None:
    """Describe and check data sets.

    \b
    A .parquet file has one row per material and these columns:
      material_id   text, unique in the file
      class_soc     trivial, hsp_semimetal, hsl_semimetal, ti, tci or unknown
      lattice       list of 9 numbers: row vectors a, b, c in Å
      numbers       list of N atomic numbers
      frac_coords   list of 3N fractional coordinates
      split, fold   optional, both or none: split is pool, test or unlabelled; fold is 0 to 4 in the
                    pool, -1 elsewhere

    \b
    A .csv file has these columns:
      path          structure file; the path is relative to the CSV
      label         one of the five classes; empty or "unknown" if the class is not known
      id            optional; unique in the file
      split, fold   optional, both or none, as above

    If split and fold are absent, topofuse makes them: 15 % of the materials are for testing, the rest is
    the pool (for training) in five folds. They are grouped by reduced formula, so that no formula is on both
    sides. A material of unknown class is never counted as trivial.
    """


@data_group.command("info")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def data_info(path: Path | None) -> None:
    """Describe the data set at PATH (without PATH: the data set in the package)."""
    with plain_errors("nothing was changed"):
        from topofuse.materials import check, load

        say(check.describe_text(load(path)))


@data_group.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def data_check(path: Path | None) -> None:
    """List the problems of the data set at PATH (without PATH: the data set in the package).

    Ends with exit code 2 if there is a problem.
    """
    with plain_errors("nothing was changed"):
        from topofuse.materials import check

        problems = check.check(path)
    for problem in problems:
        say(problem)
    if problems:
        sys.exit(USAGE_ERROR)
    say("no problems found")
