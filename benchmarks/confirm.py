"""First-principles answers against labels and the model: crystals of a run's pool, as `topofuse confirm` calculates.

    python benchmarks/confirm.py SAMPLE DATA.parquet RUN FOLDER [--count N] [--cpu SECONDS] [--cheap-first]
    python benchmarks/confirm_table.py FOLDER SECOND.parquet [DATA RUN]

SAMPLE is one of these, always of the split `pool`, whose crystals the model answered out of fold:

    random   the first crystals of up to 6 atoms, in a fixed random order
    cascade  of the first 300 crystals of up to 8 atoms in this order, those for which set_90 has not exactly one class
    unsure   the first such crystals of up to 6 atoms
    surest   wrong at two classes with a probability above 0.97, up to 12 atoms, the surest first
    doubts   `--accuracy tight` for crystals of the others whose class is not the label's and that took under 30 s
    tight    `--accuracy tight` for crystals of `random` and `cascade` that took under 12 s

--count counts those that can be calculated; the others are logged with the reason. FOLDER/SAMPLE.jsonl gets a line as
soon as a crystal is finished, FOLDER/results its levels; the same command goes on with what is missing, and nothing is
calculated twice. Other ids: `--ids mp-149,mp-22862` instead of the sample's own.
"""

import argparse
import json
import signal
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from topofuse.confirm import cost
from topofuse.confirm.engine import engine_version, has_data
from topofuse.confirm.plan import obstacle
from topofuse.confirm.run import Calculate
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result, Store, key_of
from topofuse.confirm.verdict import judge
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.labels import FIVE, coarsen, decide, level_probabilities
from topofuse.report.source import read_run
from topofuse.symmetry import symmetry_table
from topofuse.system.workers import Lost, supervised_map
from topofuse.trust.domain import odd_electrons
from topofuse.trust.sets import members
from topofuse.trust.trust import cross_fit

SEED = 16
CASCADE = 300
COUNTS = {"random": 150, "cascade": CASCADE, "unsure": 100, "surest": 1000, "tight": 20, "doubts": 1000}
LIMITS = {
    "random": 60,
    "cascade": 120,
    "unsure": 60,
    "surest": 300,
    "tight": 300,
    "doubts": 300,
}  # seconds of processor time
TOO_LONG = "takes more processor time than allowed"


@dataclass(frozen=True)
class Answer:
    """What the model says out of fold: class, its probability; the one at two classes; classes left at 90 %."""

    label: str
    p: float
    sure: float
    set_90: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows of the data set in a random order, with the model's answers."""

    rows: list[dict]
    answers: dict[str, Answer]

    @classmethod
    def from_run(cls, data: Path, run_dir: Path) -> "Pool":
        columns = ["material_id", "formula", "lattice", "numbers", "frac_coords", "class_soc", "split"]
        rows = [row for row in pq.read_table(data, columns=columns).to_pylist() if row["split"] == "pool"]
        order = np.random.default_rng(SEED).permutation(len(rows))
        run = read_run(run_dir)
        part = run.rows(run.results["chosen"], "oof")
        fitted = cross_fit(part.labels, part.p5, part.table["fold"].to_numpy())
        decided = decide(fitted.probabilities)
        sure = level_probabilities(fitted.probabilities, "two").max(axis=1)
        inside = members(fitted.p_values, 90)
        answers = {
            name: Answer(FIVE[label], float(p5[label]), float(p), tuple(np.array(FIVE)[own].tolist()))
            for name, label, p5, p, own in zip(
                part.table["material_id"], decided, fitted.probabilities, sure, inside, strict=True
            )
        }
        return cls([rows[i] for i in order], answers)

    def crystals(self, max_atoms: int) -> Iterator[tuple[dict, object]]:
        """Rows in the random order, standardised, of so many atoms and an even number of electrons."""
        for row in self.rows:
            if len(row["numbers"]) > 8 * max_atoms:  # no cell is reduced by more than a factor of 4
                continue
            crystal = standardised(row)
            if crystal and len(crystal.primitive) <= max_atoms and not odd_electrons(crystal.primitive.numbers):
                yield row, crystal

    def unsure(self, row: dict) -> bool:
        return len(self.answers[row["material_id"]].set_90) != 1

    def mistaken(self) -> list[dict]:
        """Rows with a sure mistake, the surest first."""
        wrong = []
        for row in self.rows:
            answer = self.answers[row["material_id"]]
            codes = [FIVE.index(answer.label), FIVE.index(row["class_soc"])]
            if answer.sure > 0.97 and len(set(coarsen(np.array(codes), "two").tolist())) == 2:
                wrong.append(row)
        return sorted(wrong, key=lambda row: -self.answers[row["material_id"]].sure)


def standardised(row: dict):
    crystal = Crystal(
        np.reshape(row["lattice"], (3, 3)), np.array(row["numbers"]), np.reshape(row["frac_coords"], (-1, 3))
    )
    try:
        return analyse(crystal)
    except CrystalError:
        return None


def sample(name: str, pool: Pool, folder: Path, ids: list[str]) -> Iterator[tuple[dict, object]]:
    if ids or name in ("tight", "doubts"):
        ids = ids or (cheap_ids(folder) if name == "tight" else doubted_ids(folder))
        named = {row["material_id"]: row for row in pool.rows}
        yield from ((named[one], standardised(named[one])) for one in ids)
    elif name == "random":
        yield from pool.crystals(6)
    elif name == "cascade":
        for _, (row, crystal) in zip(range(CASCADE), pool.crystals(8), strict=False):
            if pool.unsure(row):
                yield row, crystal
    elif name == "unsure":
        yield from ((row, crystal) for row, crystal in pool.crystals(6) if pool.unsure(row))
    else:
        for row in pool.mistaken():
            crystal = standardised(row)
            if crystal and len(crystal.primitive) <= 12 and not odd_electrons(crystal.primitive.numbers):
                yield row, crystal


def cheap_ids(folder: Path) -> list[str]:
    """Calculated in under 12 s: alternately of the random and of the unsure crystals of the cascade."""
    lists = [
        [line["id"] for line in lines(folder / f"{name}.jsonl") if "verdict" in line and line["seconds"] < 12]
        for name in ("random", "cascade")
    ]
    return list(dict.fromkeys(one for pair in zip(*lists, strict=False) for one in pair))


def doubted_ids(folder: Path) -> list[str]:
    """Called otherwise than the label says, in under 30 s; the cheapest first."""
    rows = [line for name in ("surest", "random", "cascade", "unsure") for line in lines(folder / f"{name}.jsonl")]
    rows = [line for line in rows if line.get("verdict", line["label"]) != line["label"] and line["seconds"] < 30]
    return list(dict.fromkeys(line["id"] for line in sorted(rows, key=lambda line: line["seconds"])))


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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


def measure(options: argparse.Namespace) -> None:
    folder, name = Path(options.folder), options.sample
    settings = ACCURACIES["tight" if name in ("tight", "doubts") else "quick"]
    limit, count = options.cpu or LIMITS[name], options.count or COUNTS[name]
    log, store, pool = (
        folder / f"{name}.jsonl",
        Store(folder / "results"),
        Pool.from_run(Path(options.data), Path(options.run)),
    )
    done = {line["id"]: line for line in lines(log)}
    to_do, counted = [], 0
    for row, crystal in sample(name, pool, folder, options.ids.split(",") if options.ids else []):
        if counted >= count:
            break
        about = described(row, crystal, pool, settings)
        reason = obstacle(crystal, 10**6, has_data)
        counted += not reason
        if row["material_id"] in done:
            continue
        if reason:
            add(log, about | {"status": "left_out", "reason": reason})
            continue
        known = store.get(about["key"])
        if known is not None and not (known.reason == TOO_LONG and known.seconds < limit):
            add(log, about | judged(known))
        else:
            to_do.append((about, crystal))
    if options.cheap_first:
        to_do.sort(key=lambda one: estimate(one[0]))
    print(len(to_do), f"to calculate, about {sum(estimate(about) for about, _ in to_do) / 60:.0f} min", flush=True)
    work = Limited(Calculate(settings, 1), limit)
    results = supervised_map(work, (crystal for _, crystal in to_do), workers=1, time_limit=86400, ahead=1)
    for (about, crystal), found in zip(to_do, results, strict=True):
        if isinstance(found, Lost):
            timed_out = "timer" in found.reason
            reason = TOO_LONG if timed_out else found.reason
            found = Result(reason, crystal.spacegroup, 0, (), limit if timed_out else 0.0, 0, engine_version())
        store.put(about["key"], found)
        add(log, about | judged(found))


def estimate(about: dict) -> float:
    """Seconds of processor time."""
    return cost.seconds_for(cost.Size(about["waves"], about["bands"], about["momenta"]))


def described(row, crystal, pool, settings) -> dict:
    answer = pool.answers[row["material_id"]]
    return {
        "id": row["material_id"],
        "formula": row["formula"],
        "label": row["class_soc"],
        "model": answer.label,
        "model_sure": round(answer.sure, 4),
        "set_90": "|".join(answer.set_90),
        "spacegroup": crystal.spacegroup,
        "atoms": len(crystal.primitive),
        "accuracy": settings.accuracy,
        "engine": engine_version(),
        "key": key_of(crystal, settings, engine_version()),
        **asdict(cost.size_of(crystal, settings)),
    }


def judged(found: Result) -> dict:
    if found.reason:
        return {"status": "failed", "reason": found.reason, "seconds": found.seconds}
    verdict = judge(symmetry_table(found.spacegroup), found.levels, found.electrons)
    return {
        "status": "too_close" if verdict.too_close else "ok",
        "verdict": verdict.as_computed,
        "gap": round(verdict.gap, 4),
        "close": [asdict(filling) for filling in verdict.too_close],
        "seconds": found.seconds,
        "steps": found.steps,
    }


def add(log: Path, line: dict) -> None:
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")
    shown = ("id", "formula", "label", "model", "set_90", "status", "verdict", "gap", "seconds", "reason")
    print(*(line[name] for name in shown if name in line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sample", choices=list(COUNTS))
    parser.add_argument("data")
    parser.add_argument("run", help="folder of a finished `topofuse run`")
    parser.add_argument("folder")
    parser.add_argument("--count", type=int)
    parser.add_argument("--cpu", type=float)
    parser.add_argument("--ids", default="")
    parser.add_argument("--cheap-first", action="store_true")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
