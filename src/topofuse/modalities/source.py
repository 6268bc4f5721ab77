"""What the features of a modality are computed with: the modules that its extractor imports, and their data files.

Imports are followed inside topofuse, from the module of the extractor on. So nobody has to declare what a modality
uses, and a change elsewhere (another modality, an encoder, words, the network) does not touch its hash.
"""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

PACKAGE = "topofuse"
DATA_SUFFIXES = (".csv", ".json", ".npz")


@cache
def source_modules(start: str) -> tuple[str, ...]:
    """Names of `start` and of all modules of topofuse that it imports, directly or not, sorted."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += _imports(name)
    return tuple(sorted(seen))


def code_digest(start: str) -> bytes:
    """Digest of the code of `source_modules`; comments, docstrings and layout do not count."""
    digest = hashlib.sha256()
    for name in source_modules(start):
        digest.update(f"{name}:{_module_digest(name)};".encode())
    return digest.digest()


def data_digest(start: str) -> bytes:
    """Digest of the data files that lie beside `source_modules`."""
    digest = hashlib.sha256()
    folders = {_path(name).parent for name in source_modules(start)}
    for path in sorted(file for folder in folders for file in folder.iterdir() if file.suffix in DATA_SUFFIXES):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.parent.name}/{path.name}:{content};".encode())
    return digest.digest()


@cache
def package_digest() -> str:
    """Hex digest of all of topofuse's own files of code and data: quick, and another one after any change.

    `code_digest` knows what counts, for which it parses everything: half a second.
    """
    digest = hashlib.sha256()
    root = _path(PACKAGE).parent
    for path in sorted(path for path in root.rglob("*") if path.suffix in (".py", *DATA_SUFFIXES)):
        digest.update(f"{path.relative_to(root)}:{hashlib.sha256(path.read_bytes()).hexdigest()};".encode())
    return digest.hexdigest()[:16]


def _path(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the source of {name} is not there", name=name)
    return Path(spec.origin)


@cache
def _imports(name: str) -> tuple[str, ...]:
    """The modules of topofuse that a module imports, wherever the statement stands; for types alone too."""
    imported: list[str] = []
    for node in ast.walk(ast.parse(_path(name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parent = resolve_name("." * node.level + (node.module or ""), name.rpartition(".")[0])
            members = [f"{parent}.{alias.name}" for alias in node.names]
            imported += [member if _is_module(member) else parent for member in members]
    return tuple(module for module in imported if module.split(".")[0] == PACKAGE)


def _is_module(name: str) -> bool:
    if name.split(".")[0] != PACKAGE:
        return False
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module, no package
        return False


@cache
def _module_digest(name: str) -> str:
    """Of what a module does: its syntax tree without docstrings, as this version of Python writes it."""
    tree = ast.parse(_path(name).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, False) is not None:
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()
