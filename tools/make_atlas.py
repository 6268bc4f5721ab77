"""Make the atlas of the package from a finished screening:

    topofuse screen ../shared/mp/structures.parquet -o runs/mp
    python tools/make_atlas.py runs/mp ../shared/mp/structures.parquet

Structures are not copied: the table with them is read for its checksum and its ids alone. Writes
src/topofuse/atlas/data/materials_project.parquet, and prints its card and its size.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq

from topofuse import __version__
from topofuse.atlas.atlas import Atlas
from topofuse.atlas.card import OriginCard
from topofuse.atlas.file import from_predictions, write
from topofuse.atlas.terminal import card_text
from topofuse.ensemble.bundle import CARRIED, open_bundle

OUTPUT = Path(__file__).resolve().parents[1] / "src/topofuse/atlas/data/materials_project.parquet"
MOST_MIB = 12.0  # of the file in the package


def card_of(screening: Path, structures: Path) -> OriginCard:
    """The card of a screening of structures of the Materials Project."""
    manifest = json.loads((screening / "shards/MANIFEST").read_text())
    carried = {open_bundle(name).identity: name for name in CARRIED}
    if manifest["model"] not in carried:
        raise SystemExit(f"{screening} was not made with one of the models {', '.join(CARRIED)} of this version")
    with structures.open("rb") as stream:
        checksum = hashlib.file_digest(stream, "sha256").hexdigest()
    made = datetime.datetime.fromtimestamp((screening / "predictions.parquet").stat().st_mtime, datetime.UTC)
    return OriginCard(
        source="Materials Project",
        address="https://materialsproject.org/materials/{id}",
        attribution="structures: A. Jain et al., APL Materials 1, 011002 (2013), https://doi.org/10.1063/1.4812323",
        licence="CC BY 4.0",
        model=carried[manifest["model"]],
        identity=manifest["model"],
        features=manifest["code"],
        data=checksum,
        date=made.date().isoformat(),
        topofuse=__version__,
    )


def main() -> None:
    """Read the screening, write the atlas, say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("screening", type=Path, help="folder of `topofuse screen`")
    parser.add_argument("structures", type=Path, help="the parquet that was screened")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    predictions = pq.read_table(arguments.screening / "predictions.parquet")
    ids = pq.read_table(arguments.structures, columns=["material_id"])["material_id"]
    if predictions["input"].to_pylist() != ids.to_pylist():
        raise SystemExit("the rows of the screening are not those of the structures, in their order")
    card = card_of(arguments.screening, arguments.structures)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    write(arguments.output, from_predictions(predictions), card)
    size = arguments.output.stat().st_size / 2**20
    print(card_text(Atlas.open(arguments.output)))
    print(f"{arguments.output}: {size:.1f} MiB")
    if size > MOST_MIB:
        raise SystemExit(f"more than {MOST_MIB:g} MiB, the most that the package carries")


if __name__ == "__main__":
    main()
