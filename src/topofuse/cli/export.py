"""`topofuse export`: predictions for benchmarks, networks as ONNX."""

from __future__ import annotations

from pathlib import Path

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import tell

LEVELS = ("two", "three", "five")  # as topofuse.labels.LEVELS has them


@click.command("export")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--format", "kind", type=click.Choice(("matbench", "jarvis", "onnx")), required=True, help="See above.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File to write; for jarvis, a folder."
)
@click.option(
    "--strategy",
    metavar="NAME",
    help="matbench, jarvis: strategy whose predictions are written [the one that the run chose].",
)
@click.option("--level", type=click.Choice(LEVELS), help="jarvis: number of classes [two].")
@click.option("--member", metavar="NAME", help="onnx: network of the bundle to write [the first].")
def export_command(
    source: Path, kind: str, output: Path, strategy: str | None, level: str | None, member: str | None
) -> None:
    """Write predictions for a public benchmark, or a network as an ONNX file.

    \b
      matbench   SOURCE is the folder of a run, or its predictions.parquet. Writes one JSON file (.json or
                 .json.gz) in the layout of a Matbench record: out-of-fold p(non-trivial) and scores per fold.
      jarvis     SOURCE is the same. Writes a folder in the layout of the JARVIS-Leaderboard: predicted classes
                 of the test rows (AI-SinglePropertyClass-...-test-acc.csv.zip), metadata.json, the benchmark.
      onnx       SOURCE is a trained model: full, fast or a folder. Writes one of its networks with named
                 inputs, one per array of features. Needs `pip install 'topofuse[onnx]'`.

    The layouts are described in docs/export.md.
    """
    with plain_errors("nothing was written"):
        _refuse_stray_options(kind, {"--strategy": strategy, "--level": level, "--member": member})
        if kind == "onnx":
            from topofuse.system.extras import require

            require("ONNX", "onnx", "torch", "onnx", "onnxscript", "onnxruntime")
            from topofuse.export.network import export_network

            tell(export_network(str(source), output, member))
            return
        from topofuse.export.source import read_predictions

        predicted = read_predictions(source, strategy)
        if kind == "matbench":
            from topofuse.export.matbench import write_matbench

            n = write_matbench(predicted, output)
        else:
            from topofuse.export.jarvis import write_jarvis

            n = write_jarvis(predicted, output, level or "two")
        tell(f"{n} predictions of strategy {predicted.strategy} in {output}")
        if kind == "jarvis":
            tell("fill in project_url, team_name and author_email in metadata.json before submitting")


def _refuse_stray_options(kind: str, given: dict[str, str | None]) -> None:
    meant_for = {"matbench": {"--strategy"}, "jarvis": {"--strategy", "--level"}, "onnx": {"--member"}}
    for name, value in given.items():
        if value is not None and name not in meant_for[kind]:
            raise click.UsageError(f"{name} does not apply to --format {kind}")
