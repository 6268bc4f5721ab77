"""The command line: `topofuse run | predict | ablate | generalise | data`. Thin; commands import what is heavy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click

import topofuse

USAGE_ERROR = 2
KINDS = ("formula", "chemsys", "prototype", "random")  # as topofuse.materials.splits.GROUPINGS has them
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


@contextmanager
def _plain_errors(interrupted: str) -> Iterator[None]:
    """Turn the errors that are meant for a person into one line and exit code 2; Ctrl-C says `interrupted`.

    Every exception class that topofuse itself defines carries such a message; so do missing files.
    Anything else is a bug and keeps its traceback.
    """
    try:
        yield
    except KeyboardInterrupt:
        click.echo(f"\ninterrupted: {interrupted}", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException:
        raise
    except Exception as error:
        if type(error).__module__.split(".")[0] == "topofuse":
            message = str(error)
        elif isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError | NotADirectoryError):
            message = f"{error.strerror}: {error.filename}" if error.strerror else str(error)
        else:
            raise
        click.echo("error: " + " ".join(message.split()), err=True)
        sys.exit(USAGE_ERROR)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(topofuse.__version__, package_name="topofuse")
def main() -> None:
    """Topological class of a crystal, from its structure alone.

    topofuse tells whether a material is topologically trivial, a semimetal whose bands must cross at a
    high-symmetry point (hsp_semimetal) or line (hsl_semimetal), a topological insulator (ti) or a
    topological crystalline insulator (tci).

    \b
      topofuse predict my_structures/ -o table.csv     classes of your crystals
      topofuse run                                     the whole strategy on the embedded data
      topofuse run --preset cpu --data mine.parquet    ... on yours
      topofuse data check mine.parquet                 is the data usable?

    Errors in what you give are one line on stderr with exit code 2; an interrupted command ends with 130.
    """
    # waiting OpenMP threads sleep instead of spinning: beside other work, spinning made everything many times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # spglib's C code reports every tolerance that it retries on stderr; what fails for good comes as an exception
    os.environ.setdefault("SPGLIB_WARNING", "OFF")


_preset = click.option(
    "--preset",
    default="quick",
    show_default=True,
    metavar="NAME|FILE",
    help="quick (minutes on two cores), cpu (about an hour for 20,000 materials), extreme (the strategy at "
    "full size, for a GPU), or a TOML file with the same keys.",
)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="A .parquet in topomat's schema or a .csv of path,label beside structure files; without it, the "
    "embedded textbook of well-known compounds.",
)
_resume = click.option("--resume", is_flag=True, help="Continue what an earlier run left in --out.")


@main.command("run")
@_preset
@_data
@click.option("--out", type=click.Path(path_type=Path), help="Folder for models, logs and report [runs/PRESET].")
@_resume
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of everything random.")
def run_command(preset: str, data: Path | None, out: Path | None, resume: bool, seed: int) -> None:
    """Train and compare every strategy, and report the best.

    Cross-validated folds, diverse members, the full-data model, boosted trees and the super ensemble;
    a table of every strategy with intervals, a model bundle and an HTML report in --out. A line per
    epoch goes to a JSONL log there. Ctrl-C or a kill loses at most one epoch: add --resume to continue,
    the final numbers are those of an uninterrupted run.
    """
    out = out or Path("runs") / Path(preset).stem
    with _plain_errors(f"continue with `{_again('run', preset, data, out)} --seed {seed} --resume`"):
        from topofuse import pipeline

        pipeline.run(preset=preset, data=data, out=out, resume=resume, seed=seed)


@main.command("ablate")
@_preset
@_data
@click.option("--folds", type=click.IntRange(1, 5), help="Folds to measure on; fewer are faster and less certain.")
@click.option("--only", multiple=True, metavar="PART", help="Measure this part alone (repeatable): trees_no_bands, ...")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [runs/ablate-PRESET].")
@_resume
def ablate_command(
    preset: str, data: Path | None, folds: int | None, only: tuple[str, ...], out: Path | None, resume: bool
) -> None:
    """Measure what each part of the strategy gains, by leaving it out.

    One at a time: capacity, cross-attention, cyclic schedule, mixup, test-time augmentation, label
    smoothing, K-fold, ensembling, committees, and each modality in networks and in trees. Writes
    measured gain and interval beside the gain that the strategy expects.
    """
    out = out or Path("runs") / f"ablate-{Path(preset).stem}"
    options = [*(["--folds", str(folds)] if folds else []), *(word for part in only for word in ("--only", part))]
    again = " ".join([_again("ablate", preset, data, out), *options])
    with _plain_errors(f"continue with `{again} --resume`"):
        from topofuse import ablation

        ablation.run(preset=preset, data=data, folds=folds, only=only, out=out, resume=resume)


@main.command("generalise")
@_preset
@_data
@click.option(
    "--kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="A kind of split to measure, beside formula; may be given several times [all].",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [runs/generalise-PRESET].")
@_resume
def generalise_command(preset: str, data: Path | None, kinds: tuple[str, ...], out: Path | None, resume: bool) -> None:
    """Measure how far the boosted trees carry to materials unlike those that they learned from.

    Out of fold on the pool; the test rows are not touched. Kinds of split, each with its difference to the
    first:

    \b
      formula      no reduced formula on both sides (as in `run`; always measured)
      chemsys      no set of elements on both sides
      prototype    no anonymous formula with space group on both sides
      random       rows drawn one by one, to compare with publications

    Then a learning curve over 10, 25, 50 and 100 % of the rows to learn from, split by formula. Writes
    generalisation.json and a report; copied into the folder of a run, generalisation.json becomes a part
    of that run's report.
    """
    out = out or Path("runs") / f"generalise-{Path(preset).stem}"
    again = _again("generalise", preset, data, out) + "".join(f" --kinds {kind}" for kind in kinds)
    with _plain_errors(f"continue with `{again} --resume`"):
        from topofuse import generalisation

        generalisation.run(preset=preset, data=data, kinds=kinds or KINDS, out=out, resume=resume)


def _again(command: str, preset: str, data: Path | None, out: Path) -> str:
    import shlex

    words = ["topofuse", command, "--preset", preset, *(["--data", str(data)] if data else []), "--out", str(out)]
    return shlex.join(words)


@main.command("predict")
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
@click.option("--progress/--no-progress", default=None, help="Progress bar on stderr [where that is a terminal].")
def predict_command(
    paths: tuple[Path, ...],
    model: str,
    output: Path | None,
    workers: int | None,
    time_limit: float,
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
      p_...        probability of each class; p_nontrivial is the sum of all but trivial

    The label is decided from the top down: non-trivial where p_nontrivial is above one half, then
    semimetal or insulator, then which. Without -o the table goes to the terminal, or as CSV to a pipe.
    A file that cannot be used, takes too long or crashes its reader never ends the run: it is an error row.

    The table appears whole or not at all. Until then finished rows are kept in OUTPUT.partial: the same
    command started again after an interruption or a kill continues with them, unless the input files or
    the model have changed.
    """
    progress = sys.stderr.isatty() if progress is None else progress
    lost = "the same command continues where it was" if output else "no table was printed; start again"
    with _plain_errors(lost):
        from topofuse.screening import workers as processes

        processes.warm_up()  # they load what they need while this process loads the model
        from topofuse.ensemble import bundle
        from topofuse.screening import predict, table

        if output is not None:
            table.TableWriter(output)  # refuses a bad name before the model is loaded
        loaded = bundle.open_bundle(model)
        work = predict.Work(workers or processes.default_workers(), time_limit)
        if output is not None:
            say = partial(click.echo, err=True)
            counts = predict.predict_to_file(paths, loaded, output, work, progress=progress, say=say)
            found = ", ".join(f"{counts[status]} {status}" for status in ("ok", "metal", "error"))
            click.echo(f"{counts.total()} structures ({found}) in {output}", err=True)
            return
        rows = predict.predict_paths(paths, loaded, work, progress=progress)
        click.echo(table.aligned_text(rows) if sys.stdout.isatty() else table.csv_text(rows), nl=sys.stdout.isatty())


@main.group("data")
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
    with _plain_errors("nothing was changed"):
        from topofuse.materials import check, load

        click.echo(check.describe_text(load(path)))


@data_group.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
def data_check(path: Path | None) -> None:
    """List what is wrong with the data set at PATH; exit code 2 if anything is."""
    with _plain_errors("nothing was changed"):
        from topofuse.materials import check

        found = check.check(path)
    for problem in found:
        click.echo(problem)
    if found:
        sys.exit(USAGE_ERROR)
    click.echo("no problems found")


if __name__ == "__main__":
    main()
