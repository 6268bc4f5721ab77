"""`topofuse screen`: a large source to a folder of predictions and a ranking."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from topofuse.cli.errors import plain_errors


def _symbols(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple(word for word in (value or "").replace(",", " ").split())


@click.command("screen")
@click.argument("source")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder to fill.")
@click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True)
@click.option("--address", help="Ray cluster that is there: auto, HOST:PORT, ray://HOST:PORT [one is started here].")
@click.option("--model", default="full", show_default=True, metavar="full|fast|DIR", help="As for predict.")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Processes on this machine [one per core].")
@click.option("--shard-size", type=click.IntRange(1, 100_000), default=256, show_default=True, metavar="N")
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
@click.option("--elements", callback=_symbols, metavar="A,B", help="Rank only what contains all of these.")
@click.option("--without", callback=_symbols, metavar="A,B", help="Rank only what contains none of these.")
@click.option("--max-atoms", type=click.IntRange(1), metavar="N", help="... of at most N atoms in the primitive cell.")
@click.option("--max-novelty", type=click.FloatRange(0, 1), metavar="X", help="... of at most this novelty.")
@click.option("--class", "classes", multiple=True, metavar="CLASS", help="... of this class (repeatable).")
@click.option("--top", type=click.IntRange(1, 100_000), default=100, show_default=True, metavar="N")
@click.option("--progress/--no-progress", default=None, help="Progress bar on stderr [where that is a terminal].")
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
    progress: bool | None,
    **filters: Any,
) -> None:
    """Classify every structure of SOURCE, on one machine or many, and rank the most promising.

    \b
    SOURCE is
      a folder           as for predict
      an archive         .tar, .tar.gz, .tar.bz2, .tar.xz, .zip of structure files
      a .parquet         columns lattice, numbers, frac_coords; material_id if there is one
      a .jsonl[.gz]      a structure a line: pymatgen's as_dict(), these columns, or OPTIMADE's
      http(s)://...      an OPTIMADE server; a filter may follow as ?filter=...

    DIR gets predictions.parquet (rows as of predict, in the order of the source), ranking.csv,
    ranking.html and ranking.md. Work is done in shards, which are kept in DIR/shards: the same command
    goes on after a kill, and with other filters it ranks anew without predicting again. If the source,
    the model or the program has changed, DIR is refused.
    """
    if address is not None and engine != "ray":
        raise click.UsageError("--address is for --engine ray")
    progress = sys.stderr.isatty() if progress is None else progress
    with plain_errors("the same command continues where it was"):
        from topofuse.system import workers as processes

        if engine == "local":
            processes.warm_up()  # they load what they need while this process loads the model
        from topofuse.ensemble import bundle
        from topofuse.screening import predict, ranking, screen

        chosen = ranking.Filters(**filters)  # refuses what is none before the model is loaded
        work = predict.Work(workers or processes.default_workers(), time_limit, memory_limit, shard_size)
        counts, ranked = screen.screen(
            source,
            bundle.open_bundle(model),
            output,
            work,
            filters=chosen,
            engine=engine,
            address=address,
            about=model,
            progress=progress,
            say=partial(click.echo, err=True),
        )
        found = ", ".join(f"{counts[status]} {status}" for status in ("ok", "metal", "error"))
        click.echo(f"{counts.total()} structures ({found}); {ranked.passed} pass the filters", err=True)
        click.echo(str(output / "ranking.html"))
