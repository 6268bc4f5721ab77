"""Models in place of trained ones, and features that misbehave; worker processes import this file."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from topofuse.crystals import CrystalError
from topofuse.trust.sets import members, written
from topofuse.trust.trust import Assessment


def as_is(crystal):
    """The crystal itself is all that these models want."""
    return crystal


def misbehave(crystal):
    """What the lightest element says: helium hangs in C, neon crashes, argon is killed, krypton exits, xenon raises."""
    z = int(crystal.primitive.numbers.min())
    if z == 2:
        ctypes.PyDLL(None).sleep(3600)  # PyDLL keeps the interpreter's lock: no Python code can run meanwhile
    if z == 10:
        ctypes.string_at(0)
    if z == 18:
        os.kill(os.getpid(), signal.SIGKILL)
    if z == 36:
        os._exit(3)
    if z == 54:
        raise CrystalError("xenon is refused")
    return crystal


def slowly(crystal):
    """Long enough for a test to kill the run in the middle."""
    time.sleep(0.01)
    return crystal


def greedy(_):
    """Takes memory without end."""
    held = []
    while True:
        held.append(bytearray(2**26))


def without_a_library(crystal):
    """As where an installation is broken."""
    raise ImportError("no library")


class Assessing:
    """Adds to `predict_features` what the table wants beside probabilities: a set holds what has a tenth of them."""

    def assess(self, features):
        p = np.asarray(self.predict_features(features))
        sets = written(members(p, 90)) if p.shape[1:] == (5,) else []
        return Assessment(p, {"set_90": sets, "set_95": sets})


class ByFirstAtom(Assessing):
    """A model whose answer depends on the crystal alone: the lightest atomic number decides the class."""

    def __init__(self, cannot=(), features=as_is, identity="by first atom"):
        self.cannot = cannot
        self.features = features
        self.identity = identity
        self.batches: list[int] = []

    def extractor(self):
        return self.features

    def predict_features(self, crystals):
        self.batches.append(len(crystals))
        p = np.full((len(crystals), 5), 0.05)
        for row, crystal in enumerate(crystals):
            z = int(crystal.primitive.numbers.min())
            for number, error in self.cannot:
                if z == number:
                    raise error
            p[row, z % 5] = 0.8
        return p


def poscar(*symbols: str, a: float = 4.2) -> str:
    """CsCl-like cell of two atoms, or of one."""
    second = "0.5 0.5 0.5\n" if len(symbols) == 2 else ""
    names, counts = " ".join(symbols), " ".join("1" for _ in symbols)
    return f"test\n{a}\n1 0 0\n0 1 0\n0 0 1\n{names}\n{counts}\nDirect\n0 0 0\n{second}"


def fill_cache(crystals, cache_dir, rounds=1):
    """Extract features in chunks of two, as another process that shares the cache."""
    from topofuse.modalities import extraction

    extraction.CHUNK = 2
    for _ in range(rounds):
        extraction.extract_all(crystals, cache_dir=cache_dir, workers=0, names=("scalar", "physics"))


def blocked_signals(_):
    """What does not reach this process."""
    return sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


class DiesOnce(ByFirstAtom):
    """A model whose process is killed the first time that it sees oxygen; the file `marker` remembers it."""

    def __init__(self, marker, features=as_is):
        super().__init__(features=features, identity="dies once")
        self.marker = marker

    def predict_features(self, crystals):
        if any(8 in crystal.primitive.numbers for crystal in crystals) and not Path(self.marker).exists():
            Path(self.marker).write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict_features(crystals)


def gluttonous(crystal):
    """Helium wants four GiB, neon too but politely in one piece, the rest nothing."""
    z = int(crystal.primitive.numbers.min())
    if z == 2:
        hoard = []
        for _ in range(4096):
            hoard.append(bytearray(1 << 20))
    if z == 10:
        np.zeros(1 << 29)
    return crystal


_leak: list[bytearray] = []


def leaky(crystal):
    """Each structure leaves 40 MiB behind."""
    _leak.append(bytearray(40 << 20))
    return crystal


def kill_at_each_step_of_writing(crystals, cache_dir):
    """Children that fill caches, the n-th killed at its n-th step to the disk; how many there were until one lived."""
    from topofuse.system import files

    fsync, replace = os.fsync, os.replace
    for moment in range(1, 100):
        child = os.fork()
        if child == 0:
            left = moment

            def step(call, *arguments):
                nonlocal left
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*arguments)

            files.os.fsync = lambda *a: step(fsync, *a)
            files.os.replace = lambda *a: step(replace, *a)
            fill_cache(crystals, cache_dir / str(moment))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            return moment, os.WEXITSTATUS(status)
        assert os.WTERMSIG(status) == signal.SIGKILL
    raise AssertionError("it never ends")


def pretended(path):
    """In place of a first-principles calculation: a result at once; a file with 'slow' in its name takes very long."""
    if "slow" in path.name:
        time.sleep(600)
    if "odd" in path.name:
        return {"none": "it does not converge"}
    bands = {"gap": 0.3, "distance": [0.0, 1.0], "line": [0, 0], "energy": [[-0.5, -0.2], [0.5, 0.1]], "filled": 1}
    about = {"gap": 0.25, "indicator": "(4) of Z8", "cut": "", "settings": "an engine", "seconds": 3.0}
    return {"class": "tci", "reason": "", **about, "bands": bands}
