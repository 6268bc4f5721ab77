"""Signals and closed pipes at random moments: a sentence, the shell's exit code, nothing left behind."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

from base import ROOT, Tally, Watched, judge_rest, make_structures, seeded, workplace

SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
COMMANDS = {
    "predict": ("predict", "in", "--model", "fast"),
    "predict -o": ("predict", "in", "--model", "fast", "-o", "out.csv"),
    "screen": ("screen", "in", "--model", "fast", "-o", "found", "--shard-size", "8"),
    "run": ("run", "--preset", str(ROOT / "tools/attack/tiny.toml"), "--out", "run", "--resume"),
    "serve": ("serve", "--no-open", "--port", "0", "--model", "fast"),
}

_IMPORTING = re.compile(r'cli/__init__\.py", line \d+, in <module>')  # before there is a command to say a sentence
ENDLESS = ("run", "serve")  # they take minutes, or do not end


def attack(trials: int, seed: int) -> int:
    """Every signal to every command, to it alone and to all of its processes, `trials` times at random moments."""
    tally, rng = Tally("signals"), seeded(seed)
    with workplace() as place:
        make_structures(place / "in", 60)
        seconds = {name: _seconds(place, words) if name not in ENDLESS else 5.0 for name, words in COMMANDS.items()}
        for _ in range(trials):
            for name, words in COMMANDS.items():
                for title, which in SIGNALS.items():
                    for group in (False, True):
                        _one(tally, place, (name, words), (title, which), group, rng.uniform(0.4, seconds[name]))
        for name in ("predict", "screen"):
            _closed_pipe(tally, place, name)
    return tally.report("traceback", "hang", "wrong end", "wrong answer", "left behind")


def _seconds(place: Path, words: tuple[str, ...]) -> float:
    """How long a command takes."""
    watched = Watched(*words, place=place)
    watched.process.communicate()
    _clear(place)
    return time.monotonic() - watched.begun


def _clear(place: Path) -> None:
    subprocess.run(["rm", "-rf", *(place / name for name in ("out.csv", "out.csv.partial", "found"))], check=True)


def _one(
    tally: Tally,
    place: Path,
    command: tuple[str, tuple[str, ...]],
    sent: tuple[str, signal.Signals],
    group: bool,
    moment: float,
) -> None:
    (name, words), (title, which) = command, sent
    what = f"{title} to {name}{' and its processes' if group else ''} after {moment:.2f} s"
    watched = Watched(*words, place=place, TOPOFUSE_CACHE=str(place / "cache"))
    time.sleep(moment)
    running = watched.process.poll() is None
    watched.kill(which, group=group)
    ended = watched.end()
    if not running:
        tally.count("ended before")
    else:
        tally.count("signals")
        began = ended.err.strip() != "" or ended.code == 0
        if ended.code is None:
            tally.fault("hang", what)
        elif "Traceback" in ended.err and _IMPORTING.search(ended.err):
            tally.count("while Python imported the command")
        elif "Traceback" in ended.err:
            tally.fault("traceback", f"{what}: {ended.last}")
        elif not began and ended.code == 128 + which:
            tally.count("before its first line of code")
        elif ended.code == 128 + which and " structures (" in ended.last:
            tally.count("after its last line of output")
        elif ended.code not in (128 + which, 0) or (ended.code and not _sentence(ended.last)):
            tally.fault("wrong end", f"{what}: exit code {ended.code}: {ended.last!r}")
    judge_rest(tally, what, watched)
    # workers got the signal too: that is not the fault of the structures that they had
    blamed = [path.name for path in place.rglob("0*.jsonl") if "process that worked on it" in path.read_text()]
    if blamed:
        tally.fault("wrong answer", f"{what}: a row blames its structure: {blamed}")
    parts = [path.name for path in place.rglob("*.part")]
    if parts:
        tally.fault("left behind", f"{what}: {parts}")
    _clear(place)


def _sentence(line: str) -> bool:
    return line.startswith(("interrupted: ", "ended by ")) or "Ctrl-C ends it" in line


def _closed_pipe(tally: Tally, place: Path, name: str) -> None:
    """The reader of the output is gone before there is any."""
    watched = Watched(*COMMANDS[name], place=place)
    assert watched.process.stdout is not None
    watched.process.stdout.close()
    watched.process.stdout = None
    ended = watched.end()
    what = f"{name} | nothing"
    if ended.code is None:
        tally.fault("hang", what)
    elif "Traceback" in ended.err or "Exception" in ended.err:
        tally.fault("traceback", f"{what}: {ended.err.strip()[:200]!r}")
    elif ended.code not in (0, 1, 141):
        tally.fault("wrong end", f"{what}: exit code {ended.code}: {ended.last!r}")
    tally.count("closed pipes")
    judge_rest(tally, what, watched)
