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
    given = parser.parse_args()
    if given.attack == "signals":
        from signals import attack

        return attack(given.trials, given.seed)
    if given.attack == "kills":
        from kills import attack

        return attack(given.command, given.kills, given.seed, given.python)
    return 2


if __name__ == "__main__":
    sys.exit(main())
