"""`topofuse run`, `ablate`, `generalise`: what trains."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors

KINDS = ("formula", "chemsys", "prototype", "random")  # as topofuse.materials.splits.GROUPINGS has them

_preset = click.option(
    "--preset",
    default="quick",
    show_default=True,
    metavar="NAME|FILE",
    help="Settings: quick (minutes on two cores), cpu (about an hour for 20,000 materials), extreme (the strategy at "
    "full size, for a GPU), or a TOML file with the same keys.",
)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data set: a .parquet, or a .csv with the columns path and label (see `topofuse data --help`) [the well-known "
    "compounds in the package].",
)
_resume = click.option("--resume", is_flag=True, help="Continue an interrupted run in the folder --out.")


@click.command("run")
@_preset
@_data
@click.option("--out", type=click.Path(path_type=Path), help="Folder for models, logs and the report [runs/PRESET].")
@_resume
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random numbers.")
def run_command(preset: str, data: Path | None, out: Path | None, resume: bool, seed: int) -> None:
    """Train all models, compare all strategies, and write the best with a report.

    The models are K-fold networks, a diverse ensemble of networks, a network on the full data, and boosted
    trees; the strategies are these and their blends. --out gets a table of every strategy with intervals, a
    trained model (bundle) for `predict --model`, a report (HTML), and a log with one line per epoch (JSONL).
    Ctrl-C or a kill loses at most one epoch. Add --resume to continue: the final numbers are the same as
    without the interruption.
    """
    with plain_errors(f"continue with `{_again('run', preset, data, out)} --seed {seed} --resume`"):
        from topofuse.runs.run import run

        run(preset=preset, data=data, out=out, resume=resume, seed=seed)


@click.command("ablate")
@_preset
@_data
@click.option(
    "--folds", type=click.IntRange(1, 5), help="Number of folds to measure on; fewer are faster but less certain [all]."
)
@click.option(
    "--only", multiple=True, metavar="PART", help="Measure only this part, such as trees_no_bands (repeatable)."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [runs/ablate-PRESET].")
@_resume
def ablate_command(
    preset: str, data: Path | None, folds: int | None, only: tuple[str, ...], out: Path | None, resume: bool
) -> None:
    """Measure what each part of the strategy gains, by leaving it out.

    Leaves out one at a time: capacity, cross-attention, cyclic schedule, mixup, test-time augmentation, label
    smoothing, K-fold, ensembling, committees, and each modality in networks and in trees. Writes the measured
    gain with its interval, beside the gain that the strategy note expects.
    """
    options = [*(["--folds", str(folds)] if folds else []), *(word for part in only for word in ("--only", part))]
    again = " ".join([_again("ablate", preset, data, out), *options])
    with plain_errors(f"continue with `{again} --resume`"):
        from topofuse.runs import ablate

        ablate.run(preset=preset, data=data, folds=folds, only=only, out=out, resume=resume)


@click.command("generalise")
@_preset
@_data
@click.option(
    "--kinds",
    type=click.Choice(KINDS),
    multiple=True,
    help="Kind of split to measure, besides formula (repeatable) [all].",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [runs/generalise-PRESET].")
@_resume
def generalise_command(preset: str, data: Path | None, kinds: tuple[str, ...], out: Path | None, resume: bool) -> None:
    """Measure accuracy on new kinds of materials, and with less training data.

    Only the boosted trees are measured. All predictions are out of fold, on the pool; the test rows are not
    used. The kinds of split, each compared with the first:

    \b
      formula      no reduced formula is on both sides (as in `run`; always measured)
      chemsys      no set of elements is on both sides
      prototype    no anonymous formula with space group is on both sides
      random       rows are drawn one by one, for comparison with publications

    Then a learning curve: accuracy with 10, 25, 50 and 100 % of the training rows, split by formula. Writes
    generalisation.json and a report. Copy generalisation.json into the folder of a run, and the results
    become a part of that run's report.
    """
    again = _again("generalise", preset, data, out) + "".join(f" --kinds {kind}" for kind in kinds)
    with plain_errors(f"continue with `{again} --resume`"):
        from topofuse.runs import generalise

        generalise.run(preset=preset, data=data, kinds=kinds or KINDS, out=out, resume=resume)


def _again(command: str, preset: str, data: Path | None, out: Path | None) -> str:
    import shlex

    given = {"--preset": preset, "--data": data, "--out": out}
    words = [word for option, value in given.items() if value is not None for word in (option, str(value))]
    return shlex.join(["topofuse", command, *words])
