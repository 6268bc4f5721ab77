"""What the attacks share: the command line as a process that is watched, structure files, counts."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

MUST_BE_ZERO = ("traceback", "hang", "wrong answer", "row lost or doubled", "table touched", "left behind", "wrong end")
# until a command counts as hanging: seconds of processor time, which other work on the machine does not lengthen, and
# seconds of the clock, in which it may do nothing at all
PATIENCE, SLEEP = 120.0, 1800.0
METALS, ANIONS = ("Mg", "Ca", "Sr", "Ba"), ("O", "S", "Se", "Te")


@dataclass
class Tally:
    """What an attack counts. A fault is printed at once; the end of `report` is 1 where there was one."""

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: int = 0

    def count(self, what: str, number: int = 1) -> None:
        """Count something that is no fault."""
        self.counts[what] += number

    def fault(self, what: str, detail: str) -> None:
        """Count and show something that must not be."""
        self.counts[what] += 1
        self.faults += 1
        print(f"  {self.name}: {what.upper()}: {detail}", flush=True)

    def report(self, *zeros: str) -> int:
        """Print all counts, those in `zeros` also where there were none; the exit code."""
        shown = {name: self.counts[name] for name in (*self.counts, *zeros)}
        print(f"{self.name}: " + ", ".join(f"{number:,} {what}" for what, number in shown.items()), flush=True)
        return int(self.faults > 0)


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    code: as the shell has it, 128 + n after signal n; None where it hung and was killed
    seconds: of processor time, without what passed since the last look, two seconds before
    """

    code: int | None
    out: str
    err: str
    seconds: float

    @property
    def last(self) -> str:
        """The last line of stderr."""
        return (self.err.strip().splitlines() or [""])[-1]


class Watched:
    """A process in a session of its own, with a folder for temporary files of its own.

    words: of `topofuse`, or of Python where they begin with `-`; before: shell commands that are run before (ulimit)
    """

    def __init__(
        self, *words: object, place: Path, before: str = "", python: str = sys.executable, **variables: str | None
    ) -> None:
        self.temporary = place / "temporary"
        self.temporary.mkdir(exist_ok=True)
        inner = [str(word) for word in words]
        command = [python, *(inner if inner[0].startswith("-") else ["-m", "topofuse.cli", *inner])]
        if before:
            command = ["bash", "-c", f'{before}; exec "$@"', "bash", *command]
        values = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        values |= {name: value for name, value in variables.items() if value is not None}
        for name in [name for name, value in variables.items() if value is None]:
            values.pop(name, None)
        self.begun = time.monotonic()
        self._used: dict[str, float] = {}
        self.process = subprocess.Popen(
            command, cwd=place, env=values, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, errors="replace", start_new_session=True, preexec_fn=_default_signals,
        )  # fmt: skip

    def end(self, patience: float = PATIENCE) -> Ended:
        """Wait for it; after `patience` seconds of processor time it is killed with all its processes."""
        code: int | None = None
        while True:
            try:
                out, err = self.process.communicate(timeout=2.0)
                code = self.process.returncode
                break
            except subprocess.TimeoutExpired:
                if self.processor_seconds() > patience or time.monotonic() - self.begun > SLEEP:
                    self.kill(signal.SIGKILL, group=True)
                    out, err = self.process.communicate()
                    break
        return Ended(128 - code if code is not None and code < 0 else code, out, err, self.processor_seconds())

    def processor_seconds(self) -> float:
        """Of all processes of its session that are there, or were when it was last asked."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(words[3]) == self.process.pid:
                self._used[path.parent.name] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
        return sum(self._used.values())

    def kill(self, which: signal.Signals, *, group: bool) -> None:
        """Send a signal to the command, or to all of its processes."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, which) if group else os.kill(self.process.pid, which)

    def processes_left(self) -> bool:
        """Whether anything of its session is still there, five seconds after its end."""
        for _ in range(100):
            try:
                os.killpg(self.process.pid, 0)
            except ProcessLookupError:
                return False
            time.sleep(0.05)
        os.killpg(self.process.pid, signal.SIGKILL)
        return True

    def files_left(self) -> list[str]:
        """What lies in its folder for temporary files; removed by being asked for."""
        found = sorted(path.name for path in self.temporary.iterdir())
        subprocess.run(["rm", "-rf", *(self.temporary / name for name in found)], check=True)
        return found


def _default_signals() -> None:
    """A shell that runs something in the background has it ignore Ctrl-C, and what it starts as well."""
    for which in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(which, signal.SIG_DFL)


def judge(tally: Tally, what: str, ended: Ended, codes: Iterable[int] = (0, 2)) -> bool:
    """Count tracebacks, hangs and strange ends of a command; whether it ended as it should."""
    tally.count("commands")
    before = tally.faults
    if ended.code is None:
        tally.fault("hang", f"{what}: {ended.last}")
    elif "Traceback" in ended.err or "Traceback" in ended.out:
        tally.fault("traceback", f"{what}: {ended.last}")
    elif ended.code not in codes:
        tally.fault("wrong end", f"{what}: exit code {ended.code}: {ended.last}")
    elif ended.code == 2 and not ended.last.startswith(("error: ", "Error: ")):
        tally.fault("wrong end", f"{what}: no sentence: {ended.last!r}")
    return tally.faults == before


def judge_rest(tally: Tally, what: str, watched: Watched) -> None:
    """Count what a command that has ended leaves behind."""
    if watched.processes_left():
        tally.fault("left behind", f"{what}: processes")
    if files := watched.files_left():
        tally.fault("left behind", f"{what}: temporary files {files[:3]}")


def make_structures(folder: Path, number: int) -> list[Path]:
    """Two-atom crystals; every third file is of a metal, every seventh is broken."""
    from support.stand_ins import poscar

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for i in range(number):
        metal = "Na" if i % 3 == 1 else METALS[i % 4]
        text = poscar(metal, ANIONS[i // 4 % 4], a=3.0 + (i % 400) / 200)
        paths.append(folder / f"{i:04d}.vasp")
        paths[-1].write_text(text[:30] if i % 7 == 3 else text)
    return paths


def table(path: Path) -> list[dict[str, object]]:
    """The rows of a table as predict writes it, with None for what is missing; CSV's are text."""
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        rows: list[dict[str, object]] = pq.read_table(path).to_pylist()
        return rows
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    import csv

    with path.open(newline="", encoding="utf-8") as file:
        return [dict(row) for row in csv.DictReader(file)]


def judge_rows(tally: Tally, what: str, names: list[str], wanted: list[str]) -> None:
    """Count rows that are lost, doubled or out of order."""
    if names != wanted:
        lost, more = Counter(wanted) - Counter(names), Counter(names) - Counter(wanted)
        detail = f"{lost.total()} lost, {more.total()} too many" if lost or more else "another order"
        tally.fault("row lost or doubled", f"{what}: {detail}")


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """An empty folder, removed at the end."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="attack-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seeded(seed: int) -> random.Random:
    """A generator, and the seed in the output, so that a fault can be had again."""
    print(f"seed {seed}", flush=True)
    return random.Random(seed)
