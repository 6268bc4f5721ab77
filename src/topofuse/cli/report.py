"""`topofuse report`: write the report of a finished run again."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors


@click.command("report")
@click.argument("run", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The run's data set, where the report is to show the structures of mistakes and the run kept none.",
)
def report_command(run: Path, data: Path | None) -> None:
    """Write report.html, report.md and report.json of the run in DIR again.

    For a run of an older version, or after `ablate` or `generalise`: their parts are taken from DIR, or from
    ablate-NAME and generalise-NAME beside a folder NAME, where they are of the same data. Nothing is trained.
    """
    with plain_errors(f"start again with `topofuse report {run}`"):
        from topofuse.report import keep_structures, write_report

        if data is not None:
            from topofuse.materials import load

            keep_structures(run, load(data))
        click.echo(write_report(run))
