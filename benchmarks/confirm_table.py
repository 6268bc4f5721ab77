"""Tables of what `benchmarks/confirm.py` measured.

    python benchmarks/confirm_table.py FOLDER SECOND.parquet            samples
    python benchmarks/confirm_table.py FOLDER SECOND.parquet DATA RUN   the cascade too

The second database has four classes, so it is compared at two and at three.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from confirm import CASCADE, Answer, Pool, lines
from topofuse.confirm import cost
from topofuse.confirm.engine import has_data
from topofuse.confirm.plan import obstacle
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.table import agreement
from topofuse.evaluation.reliability import wilson_interval

SECOND = {"trivial": "trivial", "semimetal": "hsp_semimetal", "ti": "ti", "tci": "ti"}  # any class of the same three
LEVELS = {"two": 2, "three": 3, "five": 5}


def share(right: int, n: int) -> str:
    low, high = wilson_interval(right, n)
    return f"{right} of {n} = {100 * right / n:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def agreeing(pairs: list[tuple[str, str]], levels: tuple[str, ...] = ("two", "three", "five")) -> str:
    """How many pairs of classes agree at each level, with Wilson's 95 % interval."""
    if not pairs:
        return "none"
    at = np.array([agreement(one, other) for one, other in pairs])
    return "; ".join(f"{name} {share(int((at >= LEVELS[name]).sum()), len(at))}" for name in levels)


def sample(name: str, rows: list[dict], second: dict[str, str]) -> None:
    counts = {
        status: sum(row["status"] == status for row in rows) for status in ("ok", "too_close", "failed", "left_out")
    }
    print(f"\n## {name}: {len(rows)} crystals", counts)
    for title, statuses in (("called", ("ok",)), ("called, and too close as computed", ("ok", "too_close"))):
        own = [row for row in rows if row["status"] in statuses]
        shared = [row for row in own if row["id"] in second]
        print(f"{title}: calculation and label: {agreeing([(r['verdict'], r['label']) for r in own])}")
        print(f"   model and label: {agreeing([(r['model'], r['label']) for r in own])}")
        coarse = ("two", "three")
        print(f"   shared, calculation and label: {agreeing([(r['verdict'], r['label']) for r in shared], coarse)}")
        print(
            f"   shared, second and label: {agreeing([(SECOND[second[r['id']]], r['label']) for r in shared], coarse)}"
        )
        print(
            "   shared, calculation and second:",
            agreeing([(r["verdict"], SECOND[second[r["id"]]]) for r in shared], coarse),
        )
    for row in rows:
        if row["status"] in ("ok", "too_close") and row["verdict"] != row["label"]:
            print(
                "   differs:",
                *(row[key] for key in ("id", "formula", "spacegroup", "label", "model", "verdict", "gap", "status")),
                second.get(row["id"], ""),
            )
        elif row["status"] == "failed":
            print("   failed:", row["id"], row["formula"], row["spacegroup"], row["label"], row["reason"])


def seconds(rows: list[dict]) -> None:
    print("\n## processor time")
    for atoms in sorted({row["atoms"] for row in rows}):
        own = [row["seconds"] for row in rows if row["atoms"] == atoms and row["status"] != "left_out"]
        ended = sum("more processor time" in row.get("reason", "") for row in rows if row["atoms"] == atoms)
        if own:
            middle, slow = np.quantile(own, [0.5, 0.9])
            print(f"{atoms} atoms: {len(own)} timed, median {middle:.0f} s, 90 % {slow:.0f} s, {ended} over the limit")
    timed = [row for row in rows if "verdict" in row]
    work = np.log([row["waves"] * row["bands"] * row["momenta"] for row in timed])
    took = np.log([row["seconds"] for row in timed])
    slope, offset = np.polyfit(work, took, 1)
    model = np.array([cost.seconds_for(cost.Size(row["waves"], row["bands"], row["momenta"])) for row in timed])
    middle, slow = np.exp(np.quantile(np.abs(took - np.log(model)), [0.5, 0.9]))
    print(f"fit: offset {offset:.2f}, exponent {slope:.2f}; present estimate off by {middle:.2f}, {slow:.2f} at 90 %")
    print(f"sum estimated {model.sum():.0f} s, measured {np.exp(took).sum():.0f} s")


@dataclass(frozen=True)
class Member:
    """A crystal of the cascade: cost is None where it cannot be calculated, outcome where that gave no class."""

    id: str
    label: str
    answer: Answer
    unsure: bool
    cost: float | None
    estimate: float
    outcome: str | None


def members_of(known: dict[str, dict], data: Path, run_dir: Path) -> list[Member]:
    pool, quick, found = Pool.from_run(data, run_dir), ACCURACIES["quick"], []
    for _, (row, crystal) in zip(range(CASCADE), pool.crystals(8), strict=False):
        name, line = row["material_id"], known.get(row["material_id"])
        estimate = cost.seconds_for(cost.size_of(crystal, quick))
        spent = None if obstacle(crystal, 10**6, has_data) else line["seconds"] if line else estimate
        outcome = line["verdict"] if line and line["status"] == "ok" else None
        unsure = pool.unsure(row)
        if unsure and spent is not None and line is None:
            print("not calculated yet:", name, row["formula"], len(crystal.primitive))
        found.append(Member(name, row["class_soc"], pool.answers[name], unsure, spent, estimate, outcome))
    return found


def cascade(members: list[Member], second: dict[str, str]) -> None:
    """The model alone; with the calculation of all unsure ones; of those first that a budget would take."""
    everything = sum(one.cost for one in members if one.cost is not None)
    unsure = [one for one in members if one.unsure]
    waiting = [one for one in unsure if one.cost is not None]
    print(f"\n## cascade: {len(members)} crystals, {len(unsure)} unsure, {len(waiting)} of these can be calculated")
    print(f"all together {everything / 3600:.2f} h")
    waiting.sort(key=lambda one: -(1 - one.answer.p) / one.estimate)
    shared = [one for one in members if one.id in second]
    coarse = [(SECOND[second[one.id]], one.label) for one in shared]
    print(f"second database, shared: {agreeing(coarse, ('two', 'three'))}")
    for part in (0.0, 0.05, 0.1, 0.2, 1.0):
        taken, spent = {}, 0.0
        for one in waiting:
            if spent + one.cost <= part * everything:
                taken[one.id], spent = one.outcome, spent + one.cost
        final = {one.id: taken.get(one.id) or one.answer.label for one in members}
        print(f"budget {part:.0%}: {len(taken)} calculated, {spent / 3600:.2f} h = {100 * spent / everything:.1f} %")
        print(f"   all: {agreeing([(final[one.id], one.label) for one in members])}")
        print(f"   shared: {agreeing([(final[one.id], one.label) for one in shared], ('two', 'three'))}")


def surest(rows: list[dict]) -> None:
    print("\n## surest mistakes")
    print("| material | formula | space group | atoms | label | model (p) | calculation | smallest gap, eV | s |")
    for row in rows:
        outcome = row.get("verdict", row.get("reason"))
        close = ", too close to call" if row["status"] == "too_close" else ""
        said = f"{row['model']} ({row['model_sure']:.3f})"
        about = (row["id"], row["formula"], row["spacegroup"], row["atoms"], row["label"], said)
        cells = (*about, outcome + close, row.get("gap", ""), row.get("seconds", ""))
        print("|", " | ".join(map(str, cells)), "|")
    called = [row for row in rows if row["status"] == "ok"]
    sides = [agreement(row["verdict"], row["model"]) > 0 for row in called]
    print(
        f"of {len(called)} called, two classes: {sum(sides)} as the model says, {len(sides) - sum(sides)} as the label"
    )


def tight(name: str, rows: list[dict], known: dict[str, dict]) -> None:
    pairs = [(row, known[row["id"]]) for row in rows if "verdict" in row and row["id"] in known]
    print(f"\n## {name}: tight against quick, {len(pairs)} crystals")
    for one, other in pairs:
        same = one["verdict"] == other["verdict"] and one["status"] == other["status"]
        print("   same:" if same else "   CHANGES:", one["id"], one["formula"], "label", one["label"], end="; ")
        print(
            *(f"{line['accuracy']} {line['status']} {line['verdict']} {line['gap']}" for line in (other, one)), sep="; "
        )
    same = sum(one["verdict"] == other["verdict"] for one, other in pairs)
    apart = np.abs([one["gap"] - other["gap"] for one, other in pairs])
    ratio = np.median([one["seconds"] / other["seconds"] for one, other in pairs])
    print(f"{same} of {len(pairs)} verdicts the same; {ratio:.1f} times the processor time")
    print(f"gaps differ by {np.median(apart):.3f} eV (median), {apart.max():.3f} eV at most")
    print("   failed:", [(row["id"], row["reason"]) for row in rows if row["status"] == "failed"])


SAMPLES = ("random", "cascade", "unsure", "surest", "tight", "doubts")


def main(folder: Path, second_path: Path, rest: list[str]) -> None:
    second = {r["material_id"]: r["class_second"] for r in pq.read_table(second_path).to_pylist()}
    samples = {
        name: lines(folder / f"{name}.jsonl") for name in ("random", "cascade", "unsure", "surest", "tight", "doubts")
    }
    known = {r["id"]: r for name in ("surest", "random", "unsure", "cascade") for r in samples[name] if "seconds" in r}
    for name in ("random", "cascade", "unsure"):
        if samples[name]:
            sample(name, samples[name], second)
    seconds(list(known.values()))
    if rest:
        cascade(members_of(known, *map(Path, rest)), second)
    if samples["surest"]:
        surest(samples["surest"])
    for name in ("tight", "doubts"):
        if samples[name]:
            tight(name, samples[name], known)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
