"""Attacks on topofuse, with counts: what docs/security.md reports, for anyone to repeat.

    PYTHONPATH=src python tools/attack signals --trials 3
    PYTHONPATH=src python tools/attack --help

Every attack prints its faults as they come, then one line of counts; the exit code is 1 where there was a fault.
"""

from __future__ import annotations

import argparse
import sys

from base import ROOT  # noqa: F401 (puts src and tests on the path)


def main() -> int:
    """Run the attack that is asked for."""
    parser = argparse.ArgumentParser(prog="attack", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="of all that is random")
    attacks = parser.add_subparsers(dest="attack", required=True)
    signals = attacks.add_parser("signals", help="SIGINT, SIGTERM, SIGHUP and closed pipes at random moments")
    signals.add_argument("--trials", type=int, default=1, help="of each command with each signal")
    kills = attacks.add_parser("kills", help="SIGKILL at random moments; then the result is compared")
    kills.add_argument("command", choices=["predict", "screen", "run", "confirm"])
    kills.add_argument("--kills", type=int, default=50)
    kills.add_argument("--python", help="interpreter with GPAW, for confirm")
    attacks.add_parser("bombs", help="files that expand to gigabytes")
    places = attacks.add_parser("surroundings", help="no room, rights, memory, files, home, time")
    places.add_argument("--only", help="those whose name contains this")
    flips = attacks.add_parser("flips", help="flipped bytes in a bundle")
    flips.add_argument("--flips", type=int, default=200)
    flips.add_argument("--sealed", type=int, default=200, help="with checksums made right again")
    page = attacks.add_parser("page", help="workers that die, a port in use, --host, uploads")
    page.add_argument("--uploads", type=int, default=1000)
    page.add_argument("--deaths", type=int, default=12)
    fuzz = attacks.add_parser("fuzz", help="mutated structure files of every format")
    fuzz.add_argument("--seconds", type=float, default=120.0, help="of processor time")
    fuzz.add_argument("--only", help="files whose name ends in this")
    corpus = attacks.add_parser("corpus", help="good and bad structures through every source and table")
    corpus.add_argument("--structures", type=int, default=300)
    attacks.add_parser("hostile", help="two thousand broken files through predict")
    given = parser.parse_args()
    if given.attack == "signals":
        from signals import attack

        return attack(given.trials, given.seed)
    if given.attack == "kills":
        from kills import attack

        return attack(given.command, given.kills, given.seed, given.python)
    if given.attack == "bombs":
        from bombs import attack

        return attack()
    if given.attack == "surroundings":
        from places import attack

        return attack(given.only)
    if given.attack == "flips":
        from flips import attack

        return attack(given.flips, given.sealed, given.seed)
    if given.attack == "page":
        from page import attack

        return attack(given.uploads, given.deaths)
    if given.attack == "fuzz":
        from fuzz import attack

        return attack(given.seconds, given.seed, given.only)
    if given.attack == "corpus":
        from corpus import attack

        return attack(given.structures, given.seed)
    if given.attack == "hostile":
        from corpus import hostile

        return hostile()
    return 2


if __name__ == "__main__":
    sys.exit(main())
