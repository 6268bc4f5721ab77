"""Attacks on topofuse, with counts: what docs/security.md reports, for anyone to repeat.

    PYTHONPATH=src python tools/attack hostile
    PYTHONPATH=src python tools/attack kills predict --kills 50
    PYTHONPATH=src python tools/attack --help

Every attack prints its faults as they come, then one line of counts; the exit code is 1 where there was a fault.
Linux only; `surroundings` mounts small file systems, for which it needs the rights of root.
"""

from __future__ import annotations

import argparse
import importlib
import sys


def parser() -> argparse.ArgumentParser:
    """What can be asked for; `module` and `function` of each attack do it, with the other arguments."""
    whole = argparse.ArgumentParser(prog="attack", description=(__doc__ or "").splitlines()[0])
    attacks = whole.add_subparsers(required=True, metavar="ATTACK")

    def add(
        name: str, module: str, words: str, function: str = "attack", *, seed: bool = True
    ) -> argparse.ArgumentParser:
        added = attacks.add_parser(name, help=words, description=words)
        added.set_defaults(module=module, function=function)
        if seed:
            added.add_argument("--seed", type=int, default=0, help="of all that is random")
        return added

    add("hostile", "corpus", "two thousand broken files through predict", "hostile", seed=False)
    corpus = add("corpus", "corpus", "good and bad structures through every source and table, with 1, 2 and 4 workers")
    corpus.add_argument("--structures", type=int, default=300, dest="number")
    kills = add("kills", "kills", "SIGKILL at random moments; then the result is compared")
    kills.add_argument("command", choices=["predict", "screen", "run", "confirm"])
    kills.add_argument("--kills", type=int, default=50)
    kills.add_argument("--python", help="interpreter with GPAW, for confirm")
    signals = add("signals", "signals", "SIGINT, SIGTERM, SIGHUP and closed pipes at random moments")
    signals.add_argument("--trials", type=int, default=1, help="of each command with each signal")
    places = add("surroundings", "places", "no room, rights, memory, files, home; two commands at once", seed=False)
    places.add_argument("--only", help="those whose name contains this")
    flips = add("flips", "flips", "flipped bytes in a bundle")
    flips.add_argument("--flips", type=int, default=200)
    flips.add_argument("--sealed", type=int, default=200, help="with checksums made right again")
    add("bombs", "bombs", "small files that expand to gigabytes", seed=False)
    page = add("page", "page", "workers that die, a port in use, --host, uploads", seed=False)
    page.add_argument("--uploads", type=int, default=1000)
    page.add_argument("--deaths", type=int, default=12)
    fuzz = add("fuzz", "fuzz", "mutated structure files of every format")
    fuzz.add_argument("--seconds", type=float, default=120.0, help="of processor time")
    fuzz.add_argument("--only", help="files whose name ends in this")
    return whole


if __name__ == "__main__":
    given = vars(parser().parse_args())
    attack = getattr(importlib.import_module(given.pop("module")), given.pop("function"))
    sys.exit(attack(**given))
