"""The command line. Thin: a module per group of commands, which import what is heavy when they are called."""

from __future__ import annotations

import os

import click

from topofuse import __version__
from topofuse.cli.atlas import atlas_group
from topofuse.cli.confirm import confirm_command
from topofuse.cli.data import data_group
from topofuse.cli.explain import explain_command
from topofuse.cli.export import export_command
from topofuse.cli.predict import predict_command
from topofuse.cli.report import report_command
from topofuse.cli.screen import screen_command
from topofuse.cli.serve import serve_command
from topofuse.cli.terminal import PlainGroup
from topofuse.cli.train import ablate_command, generalise_command, run_command


@click.group(cls=PlainGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="topofuse")
def main() -> None:
    """Predict the topological class of a crystal from its structure alone.

    The classes: trivial, semimetal whose bands must cross at a high-symmetry point (hsp_semimetal) or on a
    high-symmetry line (hsl_semimetal), topological insulator (ti), topological crystalline insulator (tci).

    \b
      topofuse predict my_structures/ -o table.csv     predict the classes of your crystals
      topofuse screen structures.zip -o found/         predict and rank a large collection
      topofuse atlas search Bi-Se                      look up predictions for the Materials Project
      topofuse confirm crystal.cif                     check the class from first principles (GPAW)
      topofuse explain crystal.cif                     show what a prediction is based on
      topofuse run                                     train on the data set in the package
      topofuse run --preset cpu --data mine.parquet    train on your own data set
      topofuse serve                                   open a local web page: drop structure files on it
      topofuse data check mine.parquet                 check a data set for problems

    If an argument or an input is wrong, the command prints one line on stderr and ends with exit code 2. A
    command that is ended by a signal says how to go on; its exit code is 128 and the signal's number: 130 after
    Ctrl-C, 143 after SIGTERM.
    """
    # waiting OpenMP threads sleep instead of spinning: beside other work, spinning made everything many times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # spglib's C code reports every tolerance that it retries on stderr; what fails for good comes as an exception
    os.environ.setdefault("SPGLIB_WARNING", "OFF")


for _command in (
    predict_command,
    screen_command,
    atlas_group,
    confirm_command,
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
