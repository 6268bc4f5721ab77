"""Mutated structure files of every format through the readers: a crystal or a reason, in time."""

from __future__ import annotations

import json
import random
import signal
import time
import traceback
import warnings
from collections.abc import Callable

from base import ROOT, Tally, seeded

SLOW = 5.0  # seconds of processor time for one file
TOKENS = [
    *(b"nan", b"inf", b"1e999", b"-0", b"1e-320", b"0", b"-1", b"9" * 400, b"1" * 30, b"1.0(3)", b"1e", b"0x1"),
    *(b"loop_", b"data_", b"save_", b"global_", b";", b"\n;\n", b"'", b'"', b"?", b".", b"#", b"x,y,z", b"-x,1/0,z"),
    *(b"_atom_site_occupancy", b"_symmetry_equiv_pos_as_xyz", b"_cell_length_a", b"Direct", b"Selective dynamics"),
    *(b"{", b"}", b"[", b"]", b"[" * 1000, b'{"a":' * 1000, b"null", b"true", b"\\u0000", b"\\ud800", b":", b","),
    *(b"- ", b"&a ", b"*a", b"!!python/name:os.system", b"---\n", b"|\n", b"<<: ", b"<a>", b"</v>", b"<!DOCTYPE x>"),
    *(b"&#0;", b"<![CDATA[", b"%BLOCK ", b"%ENDBLOCK ", b"MIXTURE:(1 0.5)", b"PRIMVEC\n", b"BEGIN_BLOCK_X\n"),
    *(b"Lattice=", b'Properties="', b"SPGR =  1", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", "１".encode(), b"\r", b"\t"),
]


def attack(seconds: float, seed: int, only: str | None) -> int:
    """Mutate for so many seconds of processor time; only: a suffix."""
    from support.broken_inputs import GOOD, WHOLE_NAMES
    from topofuse.crystals import CrystalError
    from topofuse.crystals.read import structure_from_bytes

    tally, rng = Tally("fuzz"), seeded(seed)
    seeds = {name if name in WHOLE_NAMES else f"x.{name}": [text.encode()] for name, text in GOOD.items()}
    seeds["x.vasp"] += [path.read_bytes() for path in (ROOT / "docs/examples").glob("*.vasp")]
    seeds["x.json"].append(json.dumps({"lattice": [4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0], "numbers": [12, 8],
                                       "frac_coords": [0, 0, 0, 0.5, 0.5, 0.5]}).encode())  # fmt: skip
    names = [name for name in seeds if only is None or name.endswith(only)]
    others = [text for texts in seeds.values() for text in texts]
    seen: set[str] = set()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _hang)
    begun = time.process_time()
    while time.process_time() - begun < seconds:
        name = rng.choice(names)
        data = mutated(rng.choice(seeds[name]), rng, others)
        tally.count("inputs")
        before = time.process_time()
        signal.alarm(600)
        try:
            structure_from_bytes(name, data)
            tally.count("read")
        except CrystalError:
            tally.count("refused")
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            where = "".join(traceback.format_exception(error)[-3:])
            if where not in seen:
                seen.add(where)
                tally.fault("hang" if isinstance(error, TimeoutError) else "traceback", f"{name}: {data!r}\n{where}")
        signal.alarm(0)
        if time.process_time() - before > SLOW:
            tally.fault("hang", f"{time.process_time() - before:.1f} s for {name}: {data[:2000]!r}")
    print(f"  {seconds:g} s of processor time, {len(names)} formats")
    return tally.report("traceback", "hang")


def _hang(*_: object) -> None:
    raise TimeoutError


def mutated(text: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """One to thirty edits of bytes, pieces, tokens and lines."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(300))
    data = bytearray(text)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 5, 10, 30])):
        if not data:
            data += rng.randbytes(20)
        at = rng.randrange(len(data))
        rng.choice(EDITS)(data, at, min(len(data), at + rng.choice([1, 2, 4, 8, 16, 64, 256])), rng, others)
    return bytes(data)


Edit = Callable[[bytearray, int, int, random.Random, list[bytes]], None]


def _bit(data: bytearray, at: int, _end: int, rng: random.Random, _others: list[bytes]) -> None:
    data[at] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, at: int, _end: int, rng: random.Random, _others: list[bytes]) -> None:
    data[at] = rng.randrange(256)


def _delete(data: bytearray, at: int, end: int, _rng: random.Random, _others: list[bytes]) -> None:
    del data[at:end]


def _repeat(data: bytearray, at: int, end: int, rng: random.Random, _others: list[bytes]) -> None:
    data[at:at] = data[at:end] * rng.choice([1, 1, 2, 50])


def _token(data: bytearray, at: int, end: int, rng: random.Random, _others: list[bytes]) -> None:
    data[at : rng.choice([at, end])] = rng.choice(TOKENS)


def _cross(data: bytearray, at: int, end: int, rng: random.Random, others: list[bytes]) -> None:
    other = rng.choice(others)
    start = rng.randrange(len(other))
    data[at:end] = other[start : start + rng.randrange(200)]


def _lines(data: bytearray, _at: int, _end: int, rng: random.Random, _others: list[bytes]) -> None:
    lines = bytes(data).split(b"\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    if rng.random() < 0.3:
        del lines[first]
    data[:] = b"\n".join(lines)


def _cut(data: bytearray, at: int, _end: int, rng: random.Random, _others: list[bytes]) -> None:
    del data[at : len(data) if rng.random() < 0.3 else at + 1]


EDITS: list[Edit] = [_bit, _byte, _delete, _repeat, _token, _token, _cross, _lines, _cut]
