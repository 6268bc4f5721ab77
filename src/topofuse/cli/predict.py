"""`topofuse predict`: structure files to a table."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from topofuse.cli.errors import plain_errors


@click.command("predict")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--model",
    default="full",
    show_default=True,
    metavar="full|fast|DIR",
    help="full: the best that comes along; fast: less accurate by half a point, several times quicker; or the folder "
    "of a bundle that `run` wrote.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Table to write: .csv, .parquet or .jsonl.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that read structures and compute features [one per core].",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A structure that takes longer becomes an error row.",
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=2.0,
    show_default=True,
    metavar="GIB",
    help="A structure that takes more of a worker's memory becomes an error row.",
)
@click.option("--progress/--no-progress", default=None, help="Progress bar on stderr [where that is a terminal].")
def predict_command(
    paths: tuple[Path, ...],
    model: str,
    output: Path | None,
    workers: int | None,
    time_limit: float,
    memory_limit: float,
    progress: bool | None,
) -> None:
    """Classify structure files, and folders of them (searched recursively).

    Reads CIF, POSCAR/CONTCAR/*.vasp, pymatgen JSON, XYZ with a cell, XSF, and more, also gzipped. One
    row per structure, in input order:

    \b
      input        the file
      status       ok     classified
                   metal  an odd number of electrons in the primitive cell: gapless by
                          Kramers' theorem, outside the classification
                   error  cannot be used; the reason says why
      reason       for metal and error
      formula, spacegroup (international number)
      label        trivial, hsp_semimetal, hsl_semimetal, ti or tci
      p_...        probability of each class, calibrated; p_nontrivial is the sum of all but trivial
      set_90       classes that cannot be ruled out, joined by |: nine of ten materials of every class
                   have theirs among them; empty where the models hesitate more than they do for those
      set_95       the same for nineteen of twenty (in files, not on the terminal)
      novelty      share of the training materials that are nearer to another of them: 0 is one of
                   them, above 0.95 is unlike nearly all
      nearest      the three closest training materials with their classes (in files)
      domain       in, likely_magnetic (open d or f shells: the labels are of materials without a
                   moment), unseen_element, odd_electrons (the metals)

    The label is decided from the top down: non-trivial where p_nontrivial is above one half, then
    semimetal or insulator, then which. Without -o the table goes to the terminal, or as CSV to a pipe.
    A file that cannot be used, takes too long or crashes its reader never ends the run: it is an error row.

    The table appears whole or not at all. Until then finished rows are kept in OUTPUT.partial: the same
    command started again after an interruption or a kill continues with them, unless the input files or
    the model have changed.
    """
    progress = sys.stderr.isatty() if progress is None else progress
    lost = "the same command continues where it was" if output else "no table was printed; start again"
    with plain_errors(lost):
        from topofuse.system import workers as processes

        processes.warm_up()  # they load what they need while this process loads the model
        from topofuse.ensemble import bundle
        from topofuse.screening import predict, table

        if output is not None:
            table.TableWriter(output)  # refuses a bad name before the model is loaded
        loaded = bundle.open_bundle(model)
        work = predict.Work(workers or processes.default_workers(), time_limit, memory_limit)
        if output is not None:
            say = partial(click.echo, err=True)
            counts = predict.predict_to_file(paths, loaded, output, work, progress=progress, say=say)
            found = ", ".join(f"{counts[status]} {status}" for status in ("ok", "metal", "error"))
            click.echo(f"{counts.total()} structures ({found}) in {output}", err=True)
            return
        rows = predict.predict_paths(paths, loaded, work, progress=progress)
        click.echo(table.aligned_text(rows) if sys.stdout.isatty() else table.csv_text(rows), nl=sys.stdout.isatty())
