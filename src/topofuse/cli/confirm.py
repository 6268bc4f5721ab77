"""`topofuse confirm`: a first-principles answer beside the model's."""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import say, tell

_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def duration(_context: click.Context, _option: click.Parameter, value: str | None) -> float | None:
    """An option's '30min' or '2h' in seconds."""
    if value is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*(s|min|h|d)", value.strip())
    if match is None or float(match[1]) == 0:
        raise click.BadParameter(f"{value!r} is no duration; write for example 90s, 30min, 2h or 1.5d")
    return float(match[1]) * _UNITS[match[2]]


def _shard(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", value.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter(f"{value!r} is no part; write for example 3/8 for the third of eight")
    return int(match[1]), int(match[2])


@click.command("confirm")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--model", default="full", show_default=True, metavar="full|fast|DIR", help="As for `predict`.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Table to write; the name ends in .csv, .parquet or .jsonl."
)
@click.option(
    "--accuracy",
    type=click.Choice(["quick", "standard", "tight"]),
    default="quick",
    show_default=True,
    help="How finely to calculate.",
)
@click.option(
    "--path", is_flag=True, help="Calculate the bands between the special momenta too: takes 3 to 4 times as long."
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Calculations at a time."
)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Threads of each calculation."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="local: processes on this machine; ray: a Ray cluster.",
)
@click.option("--address", help="Ray cluster to use: auto, HOST:PORT or ray://HOST:PORT [start one on this machine].")
@click.option(
    "--shard",
    callback=_shard,
    default="1/1",
    metavar="I/N",
    help="Only the I-th of N parts, for as many machines with a common --store.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0, 1e7, min_open=True),
    default=3600.0,
    show_default=True,
    metavar="SECONDS",
    help="A calculation that takes longer is ended.",
)
@click.option(
    "--max-atoms",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    metavar="N",
    help="Leave out larger primitive cells.",
)
@click.option("--unsure", is_flag=True, help="Only structures for which set_90 does not hold exactly one class.")
@click.option(
    "--budget",
    callback=duration,
    metavar="TIME",
    help="Processor time for all calculations, for example 30min or 2h; spent where it may change most answers.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where finished calculations are kept [in the user's cache].",
)
@click.option(
    "--write-inputs",
    nargs=2,
    type=(click.Choice(["vasp", "qe", "abinit"]), click.Path(file_okay=False, path_type=Path)),
    metavar="CODE DIR",
    help="Calculate nothing here: write input files for vasp, qe or abinit into DIR, a folder per structure.",
)
@click.option(
    "--read",
    "traces",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Calculate nothing: judge the traces of PATH in FILE, which vasp2trace or IrRep wrote.",
)
@click.option("--electrons", type=click.IntRange(1), metavar="N", help="With --read: how many states are filled.")
def confirm_command(
    paths: tuple[Path, ...],
    model: str,
    output: Path | None,
    accuracy: str,
    max_atoms: int,
    unsure: bool,
    budget: float | None,
    path: bool,
    shard: tuple[int, int],
    write_inputs: tuple[str, Path] | None,
    traces: Path | None,
    electrons: int | None,
    **effort: Any,
) -> None:
    """Calculate the class of structures from first principles, and compare it with the model's.

    Uses GPAW: density functional theory (PBE, plane waves, no magnetism) with spin-orbit coupling; seconds to
    minutes per structure. The symmetry of the filled states decides the class. Install it with
    pip install 'topofuse[dft]'.

    Says first what will be calculated, how long it takes, and what is left out and why: magnets, odd numbers
    of electrons, elements without a PAW data set, cells that are too large. Then it reads PATH... as `predict`
    does, and writes one row per structure with the columns of `predict` and these:

    \b
      dft_status     ok         a class was found
                     too_close  levels at a special momentum are 0.02 eV apart or less where the filling
                                ends, so that another order, and another class, is possible
                     left_out   not calculated; failed: the calculation gave no result
      dft_reason     why the status is not ok
      dft_class      the class that the calculation gives
      agreement      at how many classes model and calculation agree: 5, 3 or 2; 0 if one says trivial and
                     the other does not
      dft_gap        smallest gap at the special momenta where the filling ends, eV
      dft_gap_path   with --path: smallest direct gap at the momenta of the path between them, eV
      dft_indicator  symmetry indicator, and the group that it is an element of
      dft_cut        momenta at which the filling ends inside a degenerate level: 2/4 if it holds 2 of 4
      dft_close      momenta at which levels are too close, with the distance in eV
      dft_settings   engine, functional, cutoff, momenta; which element stands in for one with an open f shell
      dft_seconds    processor time

    With --write-inputs and --read, another code does the calculation, for example on a cluster.

    A finished calculation is stored and never made again, however its structure file is named. After an
    interruption or a kill, start the same command again: at most one calculation is lost.
    """
    if traces is not None and write_inputs is not None:
        raise click.UsageError("--read and --write-inputs exclude each other")
    if (electrons is None) != (traces is None):
        raise click.UsageError("--read and --electrons need each other")
    if effort["address"] is not None and effort["engine"] != "ray":
        raise click.UsageError("--address is for --engine ray")
    with plain_errors("finished calculations are kept; start the same command again to continue"):
        from topofuse.confirm import plan, report, settings, table
        from topofuse.screening.predict import write_table
        from topofuse.screening.table import TableWriter, csv_text

        if write_inputs is not None:
            report.write_all_inputs(paths, *write_inputs, tell)
            return
        writer = None if output is None else TableWriter(output, extra=table.DFT_COLUMNS)
        if traces is not None and electrons is not None:
            rows = [report.read_row(paths, model, traces, electrons)]
        else:
            selection = plan.Selection(max_atoms, unsure, budget, path, shard=shard)
            rows = report.confirm(paths, model, settings.ACCURACIES[accuracy], selection, report.Effort(**effort), tell)
        if writer is not None:
            write_table(writer, rows)
            tell(report.summary(Counter(str(row["dft_status"]) for row in rows), writer.path))
        elif sys.stdout.isatty():
            say(report.on_terminal(rows))
        else:
            say(csv_text(rows, table.DFT_COLUMNS), nl=False)
