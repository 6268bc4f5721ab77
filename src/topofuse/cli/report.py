"""`topofuse report`: write the report of a finished run again."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import say


@click.command("report")
@click.argument("run", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Data set of the run. Only needed for a run of an old version, to show the structures of the mistakes.",
)
def report_command(run: Path, data: Path | None) -> None:
    """Write report.html, report.md and report.json of the run in DIR again.

    Use it for a run of an older version, or after `ablate` or `generalise`: the report then includes their
    results. It looks for them in DIR and, if DIR is a folder NAME, in the folders ablate-NAME and
    generalise-NAME beside it, and takes those that were made on the same data. Nothing is trained.
    """
    with plain_errors(f"start again with `topofuse report {run}`"):
        from topofuse.report import keep_structures, write_report

        if data is not None:
            from topofuse.materials import load

            keep_structures(run, load(data))
        say(str(write_report(run)))
