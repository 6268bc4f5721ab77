"""`topofuse screen`: a large source to a folder of predictions and a ranking."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from topofuse.cli.confirm import duration
from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import say, tell


def _symbols(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(word for word in (value or "").replace(",", " ").split())


@click.command("screen")
@click.argument("source")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder for the results."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="local: processes on this machine; ray: a Ray cluster.",
)
@click.option("--address", help="Ray cluster to use: auto, HOST:PORT or ray://HOST:PORT [start one on this machine].")
@click.option("--model", default="full", show_default=True, metavar="full|fast|DIR", help="As for `predict`.")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Number of processes on this machine [one per core]."
)
@click.option(
    "--shard-size",
    type=click.IntRange(1, 100_000),
    default=256,
    show_default=True,
    metavar="N",
    help="Structures per shard: results are stored after each shard.",
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
    "--symmetrise", type=click.FloatRange(0, 1, min_open=True), metavar="TOL", help="As for `predict`: within TOL Å."
)
@click.option("--elements", callback=_symbols, metavar="A,B", help="Rank only structures with all of these elements.")
@click.option("--without", callback=_symbols, metavar="A,B", help="Rank only structures with none of these elements.")
@click.option("--max-atoms", type=click.IntRange(1), metavar="N", help="Rank only primitive cells of at most N atoms.")
@click.option(
    "--max-novelty", type=click.FloatRange(0, 1), metavar="X", help="Rank only structures of at most this novelty."
)
@click.option(
    "--class", "classes", multiple=True, metavar="CLASS", help="Rank only this class (repeatable) [all but trivial]."
)
@click.option(
    "--top",
    type=click.IntRange(1, 100_000),
    default=100,
    show_default=True,
    metavar="N",
    help="Number of structures in the ranking.",
)
@click.option(
    "--confirm",
    "confirmed",
    is_flag=True,
    help="Calculate unsure structures from first principles, as `confirm` does [needs GPAW].",
)
@click.option(
    "--budget",
    callback=duration,
    metavar="TIME",
    help="With --confirm: processor time for all calculations, for example 2h [no limit].",
)
@click.option("--progress/--no-progress", default=None, help="Show a progress bar on stderr [if stderr is a terminal].")
def screen_command(
    source: str,
    output: Path,
    engine: str,
    address: str | None,
    model: str,
    workers: int | None,
    shard_size: int,
    time_limit: float,
    memory_limit: float,
    symmetrise: float | None,
    confirmed: bool,
    budget: float | None,
    progress: bool | None,
    **filters: Any,
) -> None:
    """Predict the classes of a large collection, and rank the most promising.

    Works on one machine or, with Ray, on many.

    \b
    SOURCE is
      a folder           as for `predict`
      an archive         .tar, .tar.gz, .tar.bz2, .tar.xz or .zip of structure files
      a .parquet         with the columns lattice, numbers, frac_coords, and optionally material_id
      a .jsonl[.gz]      one structure per line: pymatgen's as_dict(), these columns, or OPTIMADE's format
      http(s)://...      an OPTIMADE server; you may add a filter as ?filter=...
      optimade:NAME      one of these servers, filter as above: aflow, alexandria, alexandria-pbesol, cod,
                         gnome, jarvis, mp, nomad, oqmd

    DIR gets predictions.parquet (the columns of `predict`, in the order of SOURCE), ranking.csv,
    ranking.html and ranking.md. The ranking is by p_nontrivial × (1 - novelty). Results are stored in
    DIR/shards as the work goes on. Start the same command again to continue after an interruption. With other
    ranking options, it only ranks again and predicts nothing. If the source, the model or the program has
    changed, the command refuses DIR.

    With --confirm, DIR gets confirmed.csv too: unsure structures (set_90 has not exactly one class), of
    primitive cells of up to 20 atoms, with the columns of `topofuse confirm`. A --budget is spent where it may
    change most answers.
    """
    if address is not None and engine != "ray":
        raise click.UsageError("--address is for --engine ray")
    if budget is not None and not confirmed:
        raise click.UsageError("--budget is for --confirm")
    progress = sys.stderr.isatty() if progress is None else progress
    with plain_errors("start the same command again to continue"):
        from topofuse.system import workers as processes

        if engine == "local":
            processes.warm_up()  # they load what they need while this process loads the model
        from topofuse.ensemble import bundle
        from topofuse.screening import predict, ranking, screen

        if confirmed:
            from topofuse.confirm import plan, report, settings

            report.needs_gpaw()
        chosen = ranking.Filters(**filters)  # refuses what is none before the model is loaded
        options = predict.PredictOptions(
            workers or processes.default_workers(), time_limit, memory_limit, shard_size, symmetrise
        )
        counts, ranked = screen.screen(
            source,
            bundle.open_bundle(model),
            output,
            options,
            filters=chosen,
            engine=engine,
            address=address,
            about=model,
            progress=progress,
            say=tell,
        )
        by_status = ", ".join(f"{counts[status]} {status}" for status in ("ok", "metal", "error"))
        tell(f"{counts.total()} structures ({by_status}); {ranked.passed} pass the filters")
        if confirmed:
            effort = report.Effort(options.workers, engine=engine, address=address)
            selection = plan.Selection(unsure=True, budget=budget, symmetrise=symmetrise)
            quick = settings.ACCURACIES["quick"]
            made = report.confirm_screening(source, output, quick, selection, effort, tell)
            tell(report.summary(made, output / "confirmed.csv"))
        say(str(output / "ranking.html"))
