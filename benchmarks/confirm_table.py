"""Tables of what `benchmarks/confirm.py` measured.

    python benchmarks/confirm_table.py FOLDER SECOND.parquet            samples
    python benchmarks/confirm_table.py FOLDER SECOND.parquet DATA RUN   the cascade too

The second database has four classes, so it is compared at two and at three.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from confirm import CASCADE, Pool, described, lines

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
            f"   shared, calculation and second: {agreeing([(r['verdict'], SECOND[second[r['id']]]) for r in shared], coarse)}"
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
            print(
                f"{atoms} atoms: {len(own)} timed, median {np.median(own):.0f} s, 90 % {np.quantile(own, 0.9):.0f} s, {ended} ended by the limit"
            )
    timed = [row for row in rows if "verdict" in row]
    work = np.log([row["waves"] * row["bands"] * row["momenta"] for row in timed])
    took = np.log([row["seconds"] for row in timed])
    slope, offset = np.polyfit(work, took, 1)
    model = np.array([cost.seconds_for(cost.Size(row["waves"], row["bands"], row["momenta"])) for row in timed])
    off = np.abs(took - np.log(model))
    print(
        f"fit: offset {offset:.2f}, exponent {slope:.2f}; present estimate: factor {np.exp(np.median(off)):.2f} median, {np.exp(np.quantile(off, 0.9)):.2f} at 90 %; sum estimated {model.sum():.0f} s, measured {np.exp(took).sum():.0f} s"
    )


def cascade(known: dict[str, dict], second: dict[str, str], data: Path, run_dir: Path) -> None:
    pool, quick = Pool.of(data, run_dir), ACCURACIES["quick"]
    chosen = [
        (row, crystal, pool.unsure(row)) for _, (row, crystal) in zip(range(CASCADE), pool.crystals(8), strict=False)
    ]
    labels, alone, together, spent, everything, computed, missing = [], [], [], 0.0, 0.0, 0, 0
    for row, crystal, unsure in chosen:
        about = described(row, crystal, pool, quick)
        line = known.get(about["id"])
        labels.append(row["class_soc"])
        alone.append(about["model"])
        together.append(about["model"])
        if obstacle(crystal, 10**6, has_data):
            continue
        own = line["seconds"] if line else cost.seconds_for(cost.size_of(crystal, quick))
        everything += own
        if unsure and line is None:
            missing += 1
        elif unsure:
            computed += 1
            spent += own
            if line["status"] == "ok":
                together[-1] = line["verdict"]
    unsure = sum(u for *_, u in chosen)
    print(
        f"\n## cascade: {len(chosen)} crystals, {unsure} unsure, {computed} of them calculated, {missing} still to do"
    )
    print(
        f"processor time: unsure {spent / 3600:.2f} h, all {everything / 3600:.2f} h, share {100 * spent / everything:.1f} %"
    )
    shared = [i for i, (row, *_) in enumerate(chosen) if row["material_id"] in second]
    for title, answers in (("model alone", alone), ("model and confirm", together)):
        print(f"{title}: {agreeing(list(zip(answers, labels, strict=True)))}")
        print(f"   shared: {agreeing([(answers[i], labels[i]) for i in shared], ('two', 'three'))}")
    coarse = [(SECOND[second[chosen[i][0]["material_id"]]], labels[i]) for i in shared]
    print(f"second database, shared: {agreeing(coarse, ('two', 'three'))}")


def surest(rows: list[dict]) -> None:
    print("\n## surest mistakes")
    print("| material | formula | space group | atoms | label | model (p) | calculation | smallest gap, eV | s |")
    for row in rows:
        outcome = row.get("verdict", row.get("reason"))
        close = ", too close to call" if row["status"] == "too_close" else ""
        cells = (
            row["id"],
            row["formula"],
            row["spacegroup"],
            row["atoms"],
            row["label"],
            f"{row['model']} ({row['model_sure']:.3f})",
            outcome + close,
            row.get("gap", ""),
            row.get("seconds", ""),
        )
        print("|", " | ".join(map(str, cells)), "|")
    called = [row for row in rows if row["status"] == "ok"]
    sides = [agreement(row["verdict"], row["model"]) > 0 for row in called]
    print(
        f"of {len(called)} called: {sum(sides)} trivial or not as the model says, {len(sides) - sum(sides)} as the label says"
    )


def tight(rows: list[dict], known: dict[str, dict]) -> None:
    print("\n## tight against quick")
    pairs = [(row, known[row["id"]]) for row in rows if "verdict" in row and row["id"] in known]
    for one, other in pairs:
        if one["verdict"] != other["verdict"] or one["status"] != other["status"]:
            print(
                "   changes:",
                one["id"],
                one["formula"],
                one["label"],
                "quick",
                other["status"],
                other["verdict"],
                other["gap"],
                "tight",
                one["status"],
                one["verdict"],
                one["gap"],
            )
    same = sum(one["verdict"] == other["verdict"] for one, other in pairs)
    gaps = np.array([[one["gap"], other["gap"]] for one, other in pairs])
    ratio = np.median([one["seconds"] / other["seconds"] for one, other in pairs])
    print(
        f"{same} of {len(pairs)} verdicts the same; gaps differ by {np.median(np.abs(gaps[:, 0] - gaps[:, 1])):.3f} eV (median), {np.abs(gaps[:, 0] - gaps[:, 1]).max():.3f} at most; {ratio:.1f} times the processor time"
    )
    print("   failed:", [(row["id"], row["reason"]) for row in rows if row["status"] == "failed"])


def main(folder: Path, second_path: Path, rest: list[str]) -> None:
    second = {r["material_id"]: r["class_second"] for r in pq.read_table(second_path).to_pylist()}
    samples = {name: lines(folder / f"{name}.jsonl") for name in ("random", "cascade", "unsure", "surest", "tight")}
    known = {r["id"]: r for name in ("surest", "cascade", "unsure", "random") for r in samples[name] if "seconds" in r}
    for name in ("random", "cascade", "unsure"):
        if samples[name]:
            sample(name, samples[name], second)
    seconds(list(known.values()))
    if rest:
        cascade(known, second, *map(Path, rest))
    if samples["surest"]:
        surest(samples["surest"])
    if samples["tight"]:
        tight(samples["tight"], known)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
