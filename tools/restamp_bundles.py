"""Give bundles the present hash of the feature definition, where the hash is computed in another way than before.

    python tools/restamp_bundles.py --was 8049a2137e94b0e0 src/topofuse/pretrained/full src/topofuse/pretrained/fast

Only for a change of how the hash is made, with features as they were: the hash that the bundles have now must be named,
and `tests/ensemble/test_carried_predictions.py` says whether their predictions stayed. Weights are not touched. The
atlas in the package, where it was made with one of them, gets the new identity of the model.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq

from topofuse.atlas.file import carried, read, write
from topofuse.ensemble.bundle import sealed
from topofuse.modalities.registry import feature_hash


def restamp(folder: Path, was: str) -> str:
    """The new hash of the bundle in `folder`, also written into its model card."""
    path = folder / "bundle.json"
    manifest = json.loads(path.read_bytes())
    if manifest["features"] != was:
        raise SystemExit(f"{path} has the hash {manifest['features']}, not {was}")
    manifest["features"] = feature_hash(tuple(manifest["config"]["modalities"]))
    old = manifest.pop("checksum")
    content = sealed(manifest)
    path.write_bytes(content)
    card = folder / "MODEL_CARD.md"
    if card.exists():
        card.write_text(card.read_text(encoding="utf-8").replace(was, manifest["features"]), encoding="utf-8")
    _rename_in_atlas(old, json.loads(content)["checksum"])
    return str(manifest["features"])


def _rename_in_atlas(old: str, new: str) -> None:
    path = carried()
    card = read(path)[1]
    if card.identity == old:
        write(path, pq.read_table(path), replace(card, identity=new))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of bundles")
    parser.add_argument("--was", required=True, help="the hash that the bundles have now")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        print(f"{folder}: {arguments.was} → {restamp(folder, arguments.was)}")


if __name__ == "__main__":
    main()
