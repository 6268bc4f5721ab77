"""First-principles answers against labels: random crystals of a data set, calculated as `topofuse confirm` does.

    python benchmarks/confirm.py run DATA.parquet LOG.jsonl [--seed 0] [--count 150] [--max-atoms 6] [--cpu 60]
    python benchmarks/confirm.py run DATA.parquet LOG.jsonl --ids mp-1018275,mp-632808
    python benchmarks/confirm.py table LOG.jsonl [--second SECOND.parquet]

Only rows of the split `pool` are drawn. The log gets a line per crystal as it is finished; the same command goes on
with what is missing in it. `table` prints agreement with the labels, and with a second database on shared rows.
"""

import argparse
import itertools
import json
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from topofuse.confirm import cost
from topofuse.confirm.engine import engine_version, has_data
from topofuse.confirm.plan import obstacle
from topofuse.confirm.run import Calculate
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.table import agreement
from topofuse.confirm.verdict import judge
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.symmetry import symmetry_table
from topofuse.system.workers import Lost, supervised_map
from topofuse.trust.domain import odd_electrons

SECOND = {"trivial": 0, "semimetal": 1, "ti": 2, "tci": 2}
THREE = {"trivial": 0, "hsp_semimetal": 1, "hsl_semimetal": 1, "ti": 2, "tci": 2}


@dataclass(frozen=True)
class Limited:
    """A calculation that the kernel ends after some seconds of processor time."""

    calculate: Calculate
    cpu: float

    def __call__(self, crystal):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, self.cpu)
        found = self.calculate(crystal)
        signal.setitimer(signal.ITIMER_PROF, 0)
        return found


def drawn(path: Path, seed: int, ids: list[str], max_atoms: int):
    """Records of the pool, in a random order, that the labels cover and that have few atoms."""
    columns = ["material_id", "formula", "lattice", "numbers", "frac_coords", "class_soc", "split"]
    rows = [row for row in pq.read_table(path, columns=columns).to_pylist() if row["split"] == "pool"]
    if ids:
        wanted = {row["material_id"]: row for row in rows}
        rows = [wanted[name] for name in ids if name in wanted]
    else:
        rows = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    for row in rows:
        crystal = Crystal(
            np.reshape(row["lattice"], (3, 3)), np.array(row["numbers"]), np.reshape(row["frac_coords"], (-1, 3))
        )
        try:
            symmetric = analyse(crystal)
        except CrystalError:
            continue
        if ids or (len(symmetric.primitive) <= max_atoms and not odd_electrons(symmetric.primitive.numbers)):
            yield row, symmetric


def run(options: argparse.Namespace) -> None:
    settings, log = ACCURACIES[options.accuracy], Path(options.log)
    done = {json.loads(line)["id"] for line in log.read_text().splitlines()} if log.exists() else set()
    chosen = drawn(Path(options.data), options.seed, options.ids.split(",") if options.ids else [], options.max_atoms)
    to_do = []
    for row, crystal in itertools.islice(chosen, options.count):
        if row["material_id"] in done:
            continue
        if reason := obstacle(crystal, 10**6, has_data):
            add(log, about(row, crystal, settings) | {"status": "left_out", "reason": reason})
        else:
            to_do.append((row, crystal))
    work = Limited(Calculate(settings, 1), options.cpu)
    results = supervised_map(work, (crystal for _, crystal in to_do), workers=1, time_limit=86400, ahead=1)
    for (row, crystal), found in zip(to_do, results, strict=True):
        ended = {"status": "failed", "reason": found.reason} if isinstance(found, Lost) else judged(found)
        add(log, about(row, crystal, settings) | ended)


def about(row, crystal, settings) -> dict:
    return {
        "id": row["material_id"],
        "formula": row["formula"],
        "label": row["class_soc"],
        "spacegroup": crystal.spacegroup,
        "atoms": len(crystal.primitive),
        "numbers": crystal.primitive.numbers.tolist(),
        "accuracy": settings.accuracy,
        "engine": engine_version(),
        **asdict(cost.size_of(crystal, settings)),
    }


def add(log: Path, line: dict) -> None:
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")
    shown = ("id", "formula", "label", "status", "verdict", "gap", "seconds", "reason")
    print(*(line[name] for name in shown if name in line), flush=True)


def judged(found) -> dict:
    if found.reason:
        return {"status": "failed", "reason": found.reason, "seconds": found.seconds}
    verdict = judge(symmetry_table(found.spacegroup), found.levels, found.electrons)
    return {
        "status": "too_close" if verdict.too_close else "ok",
        "verdict": verdict.as_computed,
        "gap": round(verdict.gap, 4),
        "seconds": found.seconds,
        "steps": found.steps,
    }


def table(options: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in Path(options.log).read_text().splitlines()]
    second = {}
    if options.second:
        second = {r["material_id"]: r["class_second"] for r in pq.read_table(options.second).to_pylist()}
    for status in ("ok", "too_close", "failed", "left_out"):
        print(f"{status}: {sum(row['status'] == status for row in rows)} of {len(rows)}")
    for name, statuses in (("called", ("ok",)), ("called, or too close as computed", ("ok", "too_close"))):
        own = [row for row in rows if row["status"] in statuses and row["label"] != "unknown"]
        same = np.array([agreement(row["label"], row["verdict"]) for row in own])
        print(f"{name}: {len(own)}; two", (same > 0).sum(), "three", (same > 2).sum(), "five", (same > 4).sum())
        both = [row for row in own if row["id"] in second]
        codes = np.array(
            [[THREE[r["verdict"]], SECOND[second[r["id"]]], THREE[r["label"]]] for r in both], dtype=int
        ).reshape(-1, 3)
        for title, a, b in (
            ("calculation and label", 0, 2),
            ("second database and label", 1, 2),
            ("calculation and second", 0, 1),
        ):
            two, three = ((codes[:, a] > 0) == (codes[:, b] > 0)).sum(), (codes[:, a] == codes[:, b]).sum()
            print(f"  on {len(both)} shared rows, {title}: two {two}, three {three}")
    for atoms in sorted({row["atoms"] for row in rows}):
        seconds = [row["seconds"] for row in rows if row["atoms"] == atoms and "seconds" in row]
        if seconds:
            print(f"{atoms} atoms: {len(seconds)} timed, median {np.median(seconds):.0f} s, most {max(seconds):.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("run")
    one.add_argument("data")
    one.add_argument("log")
    one.add_argument("--seed", type=int, default=0)
    one.add_argument("--count", type=int, default=150)
    one.add_argument("--max-atoms", type=int, default=6)
    one.add_argument("--cpu", type=float, default=60)
    one.add_argument("--accuracy", choices=list(ACCURACIES), default="quick")
    one.add_argument("--ids", default="")
    one.set_defaults(do=run)
    two = commands.add_parser("table")
    two.add_argument("log")
    two.add_argument("--second")
    two.set_defaults(do=table)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
