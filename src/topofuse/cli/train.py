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


@click.command("run")
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
    with plain_errors(f"continue with `{_again('run', preset, data, out)} --seed {seed} --resume`"):
        from topofuse.runs import run as pipeline

        pipeline.run(preset=preset, data=data, out=out, resume=resume, seed=seed)


@click.command("ablate")
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
    with plain_errors(f"continue with `{again} --resume`"):
        from topofuse.runs import ablate as ablation

        ablation.run(preset=preset, data=data, folds=folds, only=only, out=out, resume=resume)


@click.command("generalise")
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
    with plain_errors(f"continue with `{again} --resume`"):
        from topofuse.runs import generalise as generalisation

        generalisation.run(preset=preset, data=data, kinds=kinds or KINDS, out=out, resume=resume)


def _again(command: str, preset: str, data: Path | None, out: Path) -> str:
    import shlex

    words = ["topofuse", command, "--preset", preset, *(["--data", str(data)] if data else []), "--out", str(out)]
    return shlex.join(words)
