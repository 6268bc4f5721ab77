"""The command line. Thin: a module per group of commands, which import what is heavy when they are called."""

from __future__ import annotations

import os

import click

import topofuse
from topofuse.cli.data import data_group
from topofuse.cli.explain import explain_command
from topofuse.cli.export import export_command
from topofuse.cli.predict import predict_command
from topofuse.cli.report import report_command
from topofuse.cli.screen import screen_command
from topofuse.cli.serve import serve_command
from topofuse.cli.train import ablate_command, generalise_command, run_command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(topofuse.__version__, package_name="topofuse")
def main() -> None:
    """Topological class of a crystal, from its structure alone.

    topofuse tells whether a material is topologically trivial, a semimetal whose bands must cross at a
    high-symmetry point (hsp_semimetal) or line (hsl_semimetal), a topological insulator (ti) or a
    topological crystalline insulator (tci).

    \b
      topofuse predict my_structures/ -o table.csv     classes of your crystals
      topofuse screen structures.zip -o found/         a large collection, ranked
      topofuse explain crystal.cif                     why it says so
      topofuse run                                     the whole strategy on the embedded data
      topofuse run --preset cpu --data mine.parquet    ... on yours
      topofuse serve                                   a local page to drop structures on
      topofuse data check mine.parquet                 is the data usable?

    Errors in what you give are one line on stderr with exit code 2; an interrupted command ends with 130.
    """
    # waiting OpenMP threads sleep instead of spinning: beside other work, spinning made everything many times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # spglib's C code reports every tolerance that it retries on stderr; what fails for good comes as an exception
    os.environ.setdefault("SPGLIB_WARNING", "OFF")


for _command in (
    predict_command,
    screen_command,
    explain_command,
    serve_command,
    run_command,
    ablate_command,
    generalise_command,
    report_command,
    export_command,
    data_group,
):
    main.add_command(_command)
