"""What README.md and the pages show is what happens: collect their commands and Python, run them, compare the output.

    python tools/doc_examples.py             # which blocks print something else now
    python tools/doc_examples.py --write     # after a new model: write what they print now

A block of commands is fenced as `console`, its commands begin with `$ `; a block of Python is fenced as `python`, and
a `text` block right after it is what it prints. The blocks of a page run one after another in one empty folder, which
holds a copy of docs/examples. In shown output `…` stands for anything: alone on a line for any number of lines. A
comment on the line before a block changes what is done with it:

    <!-- long -->            takes long, or does not end: only the commands' names and options are checked
    <!-- needs: topomat -->  needs the large table: the same; a block that needs: atlas is run where the package has it
    <!-- tiny -->            trains: run for real, with the settings TINY in place of the preset that is shown
    <!-- fails -->           ends with an exit code other than 0
    <!-- file: PATH -->      the content of a file, written to PATH before the next block runs
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click

from topofuse.atlas.file import carried

ROOT = Path(__file__).resolve().parents[1]
MARKS = ("long", "needs", "tiny", "fails", "file")
WIDTH = 121  # columns of output in README.md; pages of the site scroll
TOLERANCE = 0.02  # between a shown number with a decimal point and the printed one: another machine's rounding
_BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[a-z]+)(?:: (?P<of>\S+))? -->\n)?^```(?P<language>console|python)\n(?P<text>.*?)^```$"
    r"(?:\n+^```text\n(?P<shown>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
_SHELL = re.compile(r"[|<>;&$`*]")
TINY = """
tta_views = 1
bootstrap = 100
threads = 1
[network]
width = 16
channels = 8
graph_layers = 1
table_layers = 1
heads = 2
attention_layers = 1
stages = 1
[training]
epochs = 2
batch_size = 32
warmup_epochs = 1
cycle_epochs = 2
validation_share = 0.2
[[members]]
network = { dropout = 0.1 }
[boosted]
rounds = 5
leaves = 4
min_leaf = 2
"""


@dataclass(frozen=True)
class Command:
    """A command of a console block and the lines that are shown below it."""

    line: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class Block:
    """A fenced block. mark, of: 'file', 'a/b.py' for `<!-- file: a/b.py -->`; shown: what a Python block prints."""

    page: Path
    number: int
    language: str
    text: str
    mark: str
    of: str
    shown: str | None

    @property
    def name(self) -> str:
        """'quick-start.md, line 12'."""
        return f"{self.page.name}, line {self.number}"

    def commands(self) -> list[Command]:
        """The commands of a console block; a line that ends in a backslash goes on in the next."""
        found: list[tuple[str, list[str]]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif found and found[-1][0].endswith("\\") and not found[-1][1]:
                found[-1] = (found[-1][0][:-1] + line.strip(), [])
            elif found:
                found[-1][1].append(line)
            else:
                raise ValueError(f"{self.name}: a console block begins with a command, `$ …`")
        return [Command(line, tuple(shown)) for line, shown in found]


def pages() -> list[Path]:
    """README.md and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order; ValueError for an unknown mark."""
    text, found = page.read_text(encoding="utf-8"), []
    for match in _BLOCK.finditer(text):
        mark, of = match["mark"] or "", match["of"] or ""
        number = text[: match.start("language")].count("\n") + 1
        if mark and mark not in MARKS:
            raise ValueError(f"{page.name}, line {number}: no mark {mark!r}; there are {', '.join(MARKS)}")
        found.append(Block(page, number, match["language"], match["text"], mark, of, match["shown"]))
    return found


@dataclass
class Place:
    """A folder in which the blocks of one page run, with the names that its Python defines."""

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "docs/examples", self.folder / "docs/examples")
        (self.folder / "tiny.toml").write_text(TINY)
        self.names["__name__"] = "page"

    def run(self, block: Block) -> list[tuple[str, str, str]]:
        """(what, shown, printed) of each command, or of the Python; shown is '' where nothing is to be compared.

        AssertionError where something fails that should not, or a command that is not run is none.
        """
        if block.mark == "file":
            path = self.folder / block.of
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
            return []
        not_run = block.mark in ("long", "needs") and not (block.of == "atlas" and carried().is_file())
        if block.language == "python" and not_run:
            compile(block.text, block.name, "exec")
            return []
        if block.language == "python":
            return [(block.name, block.shown or "", self._python(block.text))]
        at, done = self.folder, []
        for command in block.commands():
            if not_run:
                check_command(command.line)
            elif words := re.fullmatch(r"cd (\S+)", command.line):
                at = at / words[1]
            else:
                printed = self._command(command.line, at, block)
                shown = "" if block.mark == "tiny" else "\n".join(command.shown)
                done.append((f"{block.name}: {command.line}", shown, printed))
        return done

    def _python(self, text: str) -> str:
        out = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out):
            exec(compile(text, "page", "exec"), self.names)
        return out.getvalue()

    def _command(self, line: str, at: Path, block: Block) -> str:
        code, out = self._topofuse(line, at, block) if _plain_topofuse(line) else _shell(line, at)
        assert (code != 0) == (block.mark == "fails"), f"{block.name}: `{line}` ended with {code}:\n{out}"
        return out

    def _topofuse(self, line: str, at: Path, block: Block) -> tuple[int, str]:
        """A command in this process, as on a terminal: what it imports is imported once for all pages."""
        from topofuse.cli import main

        words = shlex.split(line)[1:]
        if block.mark == "tiny":
            words = [*words[:1], *_without(words[1:], "--preset"), "--preset", str(self.folder / "tiny.toml")]
        out, err, code = _Terminal(), io.StringIO(), 0
        with contextlib.chdir(at), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(words, prog_name="topofuse")
            except SystemExit as ended:
                code = int(ended.code or 0)
        return code, out.getvalue() + err.getvalue()


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _plain_topofuse(line: str) -> bool:
    return line.startswith("topofuse ") and not _SHELL.search(line)


def _shell(line: str, at: Path) -> tuple[int, str]:
    """By bash, with this environment's commands first in PATH."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line], cwd=at, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def _without(words: list[str], option: str) -> list[str]:
    if option not in words:
        return words
    at = words.index(option)
    return words[:at] + words[at + 2 :]


def check_command(line: str) -> None:
    """AssertionError where a command is none, or has no such options; nothing is run."""
    words = shlex.split(line, comments=True)
    if words[0] == "topofuse":
        _check_topofuse(words[1:], line)
    elif words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        asked = {word for word in words[1:] if "=" not in word}  # the others are variables
        assert asked <= set(targets), f"`{line}`: the Makefile has no such target"
    elif words[0] == "python" and len(words) > 1 and words[1].endswith(".py"):
        script = ROOT / words[1]
        assert script.is_file(), f"`{line}`: no such file"
        for option in (word.split("=")[0] for word in words[2:] if word.startswith("--")):
            assert f'"{option}"' in script.read_text(encoding="utf-8"), f"`{line}`: no option {option}"
    else:
        raise AssertionError(f"`{line}`: neither topofuse nor make nor a script of the checkout; it cannot be checked")


def _check_topofuse(words: list[str], line: str) -> None:
    from topofuse.cli import main

    command: click.Command = main
    context = click.Context(main, info_name="topofuse")
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"`{line}`: there is no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
        context = click.Context(command, info_name=command.name, parent=context)
    try:
        command.parse_args(context, words)
    except click.UsageError as error:
        raise AssertionError(f"`{line}`: {error.format_message()}") from error


def differences(shown: str, printed: str) -> list[str]:
    """Lines of `shown` that are not so in `printed`, each beside what is; [] where they agree."""
    pattern, lines = shown.splitlines(), [line.rstrip() for line in printed.splitlines()]
    if "…" in pattern:
        at = pattern.index("…")
        before, after = pattern[:at], pattern[at + 1 :]
        assert "…" not in after, "one line of … in a block"
        lines = lines[: len(before)] + lines[max(len(before), len(lines) - len(after)) :]
        pattern = before + after
    pairs = zip_longest(pattern, lines, fillvalue="(no line)")
    return [f"- {a}\n+ {b}" for a, b in pairs if not _same(a, b)]


def _same(shown: str, printed: str) -> bool:
    """Whether a line is what was printed, up to the last digits of numbers with a decimal point, `…` and spaces."""
    shown, printed = " ".join(shown.split()), " ".join(printed.split())
    number = r"-?\d+\.\d+"
    pattern = "".join(
        ".*" if part == "…" else rf"({number})" if re.fullmatch(number, part) else re.escape(part)
        for part in re.split(rf"({number}|…)", shown)
    )
    match = re.fullmatch(pattern, printed)
    wanted = [float(x) for x in re.findall(number, shown)]
    return bool(match) and all(
        abs(a - float(b)) <= max(TOLERANCE, TOLERANCE * abs(a)) for a, b in zip(wanted, match.groups(), strict=True)
    )


def rewritten(block: Block, done: list[tuple[str, str, str]]) -> tuple[str, str]:
    """A block's text in the page, and what it is to be now; a line of … keeps what it stands for."""
    if block.language == "python":
        fence = f"{block.text}```\n\n```text\n"
        return fence + (block.shown or ""), fence + done[0][2]
    lines, printed = [], iter(done)
    width = WIDTH if block.page.name == "README.md" else None
    for command in block.commands():
        lines.append(f"$ {command.line}")
        if not command.line.startswith("cd "):
            lines += _as_shown(next(printed)[2], command.shown, width)
    return block.text, "\n".join(lines) + "\n"


def _as_shown(printed: str, shown: tuple[str, ...], width: int | None) -> list[str]:
    lines = [line.rstrip() for line in printed.splitlines()]
    if width is not None:
        lines = [line if len(line) <= width else line[: width - 1].rstrip() + "…" for line in lines]
    if "…" in shown:
        at, after = shown.index("…"), len(shown) - shown.index("…") - 1
        lines = [*lines[:at], "…", *lines[len(lines) - after :]]
    return lines if shown else []


def main() -> None:
    """Run every block of the pages; list what differs, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, nargs="*", help="pages [README.md and docs/*.md]")
    parser.add_argument("--write", action="store_true", help="write what the commands print now into the pages")
    arguments = parser.parse_args()
    differ = 0
    for page in arguments.page or pages():
        text = page.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            place = Place(Path(folder))
            for block in blocks(page.resolve()):
                done = place.run(block)
                found = [d for _, shown, printed in done if shown for d in differences(shown, printed)]
                differ += len(found)
                print("\n".join([block.name, *found]) if found else f"{block.name}: as shown")
                if found and arguments.write:
                    text = text.replace(*rewritten(block, done))
        if arguments.write:
            page.write_text(text, encoding="utf-8")
    if differ and not arguments.write:
        sys.exit(1)


if __name__ == "__main__":
    main()
