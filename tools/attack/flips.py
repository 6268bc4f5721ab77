"""Flipped bytes in a bundle: it is refused with a sentence, or gives the identical answer."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
from base import ROOT, Tally, seeded, workplace


def attack(flips: int, sealed: int, seed: int) -> int:
    """So many flips of one byte each; then so many of which all checksums are made right again."""
    from topofuse.crystals.read import read_structure
    from topofuse.crystals.symmetry import analyse
    from topofuse.ensemble.bundle import load_bundle

    tally, rng = Tally("flips"), seeded(seed)
    with workplace() as place:
        whole = ROOT / "src/topofuse/pretrained/fast"
        bundle = Path(shutil.copytree(whole, place / "bundle"))
        examples = sorted((ROOT / "docs/examples").glob("*.vasp"))
        extract = load_bundle(bundle).extractor()
        features = [extract(analyse(read_structure(path))) for path in examples]
        wanted = _answers(bundle, features)
        for number in range(flips + sealed):
            path, content = _flip(bundle, rng)
            what = f"{path.relative_to(bundle)}"
            if number < flips:
                found = _in_a_child(bundle, features)
                tally.count("flips")
                if found not in ("refused", wanted):
                    tally.fault("wrong answer" if found.startswith("{") else "traceback", f"{what}: {found[:200]}")
            else:
                _seal(bundle)
                found = _in_a_child(bundle, features)
                tally.count("flips with checksums made right")
                if not (found == "refused" or found.startswith("{")):
                    tally.fault("traceback", f"{what}: {found[:200]}")
            tally.count("refused" if found == "refused" else "identical" if found == wanted else "another answer")
            path.write_bytes(content)
            shutil.copy(whole / "bundle.json", bundle / "bundle.json")
    return tally.report("wrong answer", "traceback")


def _flip(bundle: Path, rng: random.Random) -> tuple[Path, bytes]:
    """Change a random byte of a random file; the file, and what was in it. Half of all in its first 4,000 bytes."""
    path = rng.choice(sorted(path for path in bundle.rglob("*") if path.is_file()))
    content = path.read_bytes()
    at = rng.randrange(min(len(content), 4000) if rng.random() < 0.5 else len(content))
    path.write_bytes(content[:at] + bytes([content[at] ^ rng.randrange(1, 256)]) + content[at + 1 :])
    return path, content


def _seal(bundle: Path) -> None:
    """Write all checksums anew, as an attacker would; a description that is no JSON stays as it is."""
    try:
        described = json.loads((bundle / "bundle.json").read_text())
        described.pop("checksum", None)
        for name in described["checksums"]:
            described["checksums"][name] = hashlib.sha256((bundle / name).read_bytes()).hexdigest()
    except (ValueError, LookupError, TypeError, OSError, AttributeError):
        return
    text = json.dumps(described, indent=1)
    described["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    (bundle / "bundle.json").write_text(json.dumps(described, indent=1) + "\n")


def _answers(bundle: Path, features: list[object]) -> str:
    from topofuse.ensemble.bundle import BundleError, load_bundle

    try:
        loaded = load_bundle(bundle)
    except BundleError:
        return "refused"
    with np.errstate(all="ignore"):
        found = loaded.assess(features)
    return json.dumps({"p": np.asarray(found.probabilities).tolist(), **found.columns}, default=str)


def _in_a_child(bundle: Path, features: list[object]) -> str:
    """The answer of a forked process, whose crash is an answer too."""
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        try:
            text = _answers(bundle, features)
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        with os.fdopen(there, "w") as pipe:
            pipe.write(text)
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    return text if status == 0 else f"ended by signal {os.WTERMSIG(status)}"
