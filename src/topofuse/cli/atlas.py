"""`topofuse atlas`: look up the predictions for the Materials Project that the package carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from topofuse.cli.errors import plain_errors
from topofuse.cli.terminal import say, tell


def _bounds(_context: click.Context, _option: click.Parameter, value: str) -> Any:
    with plain_errors("search again"):
        from topofuse.atlas.query import bounds

        return bounds(value)


def _bounds_of(context: click.Context, option: click.Parameter, value: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {name: _bounds(context, option, text) for name, text in value}


def _listed(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[str, ...]:
    return tuple((value or "").replace(",", " ").split())


def _numbers(_context: click.Context, _option: click.Parameter, value: str | None) -> tuple[int, ...]:
    with plain_errors("search again"):
        from topofuse.atlas.query import whole_numbers

        return whole_numbers(value or "")


_FILE = click.option(
    "--atlas", "file", type=click.Path(path_type=Path), metavar="FILE", help="Another atlas than that of the package."
)
_BOUNDS: dict[str, Any] = {"callback": _bounds, "default": ":", "metavar": "LOW:HIGH"}


@click.group("atlas")
def atlas_group() -> None:
    """Look up predictions for the structures of the Materials Project.

    The package carries a prediction for each of them, so that no structure and no model is needed.
    """


@atlas_group.command("search")
@click.argument("text", default="")
@click.option("--with", "elements", callback=_listed, metavar="A,B", help="Only with all of these elements.")
@click.option("--without", callback=_listed, metavar="A,B", help="Only with none of these elements.")
@click.option("--class", "classes", callback=_listed, metavar="A,B", help="Only these classes, or groups of them.")
@click.option("--p", **_BOUNDS, help="Bounds of the probability of any class but trivial, such as 0.9:")
@click.option(
    "--p-of",
    type=(str, str),
    multiple=True,
    callback=_bounds_of,
    metavar="CLASS LOW:HIGH",
    help="Bounds of the probability of a class.",
)
@click.option("--set", "within", callback=_listed, metavar="A,B", help="Only if set_90 holds no other class.")
@click.option("--novelty", **_BOUNDS, help="Bounds of the novelty.")
@click.option("--domain", "domains", callback=_listed, metavar="A,B", help="Only these domains, such as in.")
@click.option("--spacegroup", "spacegroups", callback=_numbers, metavar="N,M", help="Only these space groups.")
@click.option("--atoms", **_BOUNDS, help="Bounds of the number of atoms in the primitive cell.")
@click.option("--gap", **_BOUNDS, help="Bounds of the gap of the band sketch, in eV.")
@click.option("--z4", callback=_numbers, metavar="N,M", help="Only with these indices of the band sketch, 0 to 3.")
@click.option("--known/--new", default=None, help="Only training materials, or only others.")
@click.option("--warned/--unwarned", default=None, help="Only with a warning, or only without.")
@click.option("--sort", default="promise", show_default=True, metavar="COLUMN", help="Column to sort by.")
@click.option("--ascending", is_flag=True, help="Smallest first [largest first].")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, metavar="N", help="Rows to print.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write all rows found to a .csv, .parquet or .jsonl file."
)
@_FILE
def search_command(
    text: str,
    top: int,
    output: Path | None,
    file: Path | None,
    ascending: bool,
    **conditions: Any,
) -> None:
    """Search the atlas. A row is shown if it meets all conditions.

    TEXT is an id (mp-541837), a formula (Bi2Se3), or the elements of which a material consists (Bi-Se).

    \b
    Classes, separated by commas, also in --set:
      trivial, hsp_semimetal, hsl_semimetal, ti, tci
      nontrivial              all but trivial
      semimetal               hsp_semimetal and hsl_semimetal
      topological_insulator   ti and tci
      metal, error            no class: an odd number of electrons; not usable

    Rows are sorted by promise, p_nontrivial × (1 − novelty), or by p_nontrivial, p_CLASS, novelty, id, formula,
    spacegroup, n_atoms, label or sketch_gap. The columns are those of `topofuse predict`.
    """
    with plain_errors("search again"):
        from topofuse.atlas import output as tables
        from topofuse.atlas.atlas import Atlas
        from topofuse.atlas.query import Query
        from topofuse.atlas.terminal import rows_text

        query = Query(text=text, descending=not ascending, **conditions)
        if output is not None:
            tables.check(output)
        atlas = Atlas.open(file)
        selected = atlas.select(query)
        if output is not None:
            tables.write(output, atlas, selected)
            tell(f"{len(selected):,} rows in {output}")
        else:
            say(rows_text(atlas.rows(selected[:top]), len(selected)))


@atlas_group.command("show")
@click.argument("name", metavar="ID")
@_FILE
def show_command(name: str, file: Path | None) -> None:
    """Show everything that the atlas says about one material."""
    with plain_errors("ask again"):
        from topofuse.atlas.atlas import Atlas
        from topofuse.atlas.terminal import row_text

        atlas = Atlas.open(file)
        say(row_text(atlas.show(name), atlas))


@atlas_group.command("card")
@_FILE
def card_command(file: Path | None) -> None:
    """Say what the atlas is: model, date, counts, licence, attribution."""
    with plain_errors("ask again"):
        from topofuse.atlas.atlas import Atlas
        from topofuse.atlas.terminal import card_text

        say(card_text(Atlas.open(file)))
