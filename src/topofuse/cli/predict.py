"""`topofuse predict`: structure files to a table."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from topofuse.cli.errors import USAGE_ERROR, plain_errors
from topofuse.cli.terminal import say, tell


@click.command("predict")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option(
    "--model",
    default="full",
    show_default=True,
    metavar="full|fast|DIR",
    help="full: the most accurate bundled model; fast: several times quicker, about half a percentage point less "
    "accurate (two classes); DIR: the folder of a model that `topofuse run` wrote.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Table to write; the name ends in .csv, .parquet or .jsonl."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Number of processes that read structures and compute features [one per core].",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="A structure that takes longer gets an error row.",
)
@click.option(
    "--memory-limit",
    type=click.FloatRange(0, 1e6, min_open=True),
    default=2.0,
    show_default=True,
    metavar="GIB",
    help="A structure for which a process needs more memory gets an error row.",
)
@click.option(
    "--symmetrise",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="TOL",
    help="First make each structure symmetric within TOL Å: for structures whose symmetry is only nearly there (see "
    "the warning near_symmetry). A warning says what moved.",
)
@click.option("--wide", is_flag=True, help="On a terminal: all columns, in lines as long as they need.")
@click.option("--progress/--no-progress", default=None, help="Show a progress bar on stderr [if stderr is a terminal].")
def predict_command(
    paths: tuple[Path, ...],
    model: str,
    output: Path | None,
    workers: int | None,
    time_limit: float,
    memory_limit: float,
    symmetrise: float | None,
    wide: bool,
    progress: bool | None,
) -> None:
    """Predict the classes of structure files, and of folders of them.

    Folders are searched recursively. Reads CIF, POSCAR/CONTCAR/*.vasp, pymatgen JSON, XYZ with a cell, XSF
    and more, also gzipped. Writes one row per structure, in the order of the input:

    \b
      input        the file
      status       ok     a class was predicted
                   metal  an odd number of electrons in the primitive cell: without magnetism there is no
                          gap, by Kramers' theorem, and none of the five classes applies
                   error  the file cannot be used
      reason       why the status is metal or error
      formula, spacegroup (international number)
      known_class, known_id, known_source, known_link
                   the crystal is one of the training materials: its class from first principles, its
                   id, where the class was looked up, and the addresses of its pages
      experiment   what measurements say, for a few materials where they contradict such calculations
      label        predicted class: trivial, hsp_semimetal, hsl_semimetal, ti or tci
      p_...        probability of each class, calibrated; p_nontrivial is the sum of all but trivial
      set_90       the classes that remain possible, separated by |; the label is one of them. For the
                   materials of each class, and for those with each label, it holds the true class in at
                   least nine of ten cases
      set_95       the same for nineteen of twenty
      warnings     reasons for caution, each a code and a sentence, separated by ; (codes: magnetic,
                   f_electrons, slab, lengths, near_symmetry, small_gap, symmetrised)
      novelty      how isolated the crystal is, as a percentile: 0.95 means farther from its nearest
                   training material than 95 % of these are from theirs
      nearest      the three nearest training materials with their classes
      domain       in: a material of the kind that the labels cover; otherwise why not: likely_magnetic
                   (open d or f shells; the labels are for materials without a magnetic moment),
                   unseen_element (in no training material), odd_electrons (the metals)
      sketch_gap   eV: smallest gap of the band sketch at a special momentum, with spin-orbit coupling (mostly
                   wider than the true one); empty if there is no sketch
      sketch_z4    Z4 index of the band sketch, from the parities, 0 to 3 (odd: a topological insulator, if
                   there is a gap); empty without inversion symmetry

    The label is decided in steps: first trivial or non-trivial (non-trivial if p_nontrivial is above one
    half), then semimetal or insulator, then which of the two. Without -o, the table is printed: on a terminal
    the columns that fit into 80 characters (all of them with --wide), as CSV into a pipe. A file that cannot
    be used, takes too long or crashes its reader gets an error row; the other files are not affected. A PATH
    that does not exist gets one too, and the exit code is then 2.

    The file OUTPUT appears when the table is complete. Until then, finished rows are kept in OUTPUT.partial.
    After an interruption or a kill, start the same command again: it continues with these rows, unless the
    input files or the model have changed.
    """
    progress = sys.stderr.isatty() if progress is None else progress
    absent = [path for path in paths if _is_absent(path)]
    lost = "start the same command again to continue" if output else "no table was printed; start the command again"
    with plain_errors(lost):
        with _nothing_collected():
            from topofuse.system import workers as processes

            processes.warm_up()  # they load what they need while this process loads the model
            from topofuse.ensemble import bundle
            from topofuse.screening import narrow, predict, table

            if output is not None:
                table.TableWriter(output)  # refuses a bad name before the model is loaded
            loaded = bundle.open_bundle(model)
        options = predict.PredictOptions(
            workers or processes.default_workers(), time_limit, memory_limit, symmetrise=symmetrise
        )
        if output is not None:
            counts = predict.predict_to_file(paths, loaded, output, options, progress=progress, say=tell)
            by_status = ", ".join(f"{counts[status]} {status}" for status in ("ok", "metal", "error"))
            tell(f"{counts.total()} structures ({by_status}) in {output}")
        else:
            rows = predict.predict_paths(paths, loaded, options, progress=progress)
            if sys.stdout.isatty():
                say(table.aligned_text(rows) if wide else narrow.narrow_text(rows))
            else:
                say(table.csv_text(rows), nl=False)
    if absent:
        tell(f"error: no such file or folder: {', '.join(map(str, absent))}")
        sys.exit(USAGE_ERROR)


@contextlib.contextmanager
def _nothing_collected() -> Iterator[None]:
    """Keep the garbage collector from searching what is loaded: now (a tenth of start-up) and later."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # there, or no name at all: its row says what is wrong
        return False
    return False
