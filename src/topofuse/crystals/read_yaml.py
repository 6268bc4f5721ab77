"""pymatgen's YAML form → lattice, atomic numbers and coordinates; nothing in the file can name what is built from it.

YAML can name types to construct, and pymatgen's own reader hands what it finds to a decoder that imports any module.
Here only the tree of nodes is made, and turned into dicts, lists, words and numbers; then it is read as JSON is.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.read_json import MAX_BRACKETS, MAX_DEPTH, check_nesting, each_once, parse_record
from topofuse.crystals.text import Arrays

MAX_BYTES = 2 * 1024 * 1024  # YAML is slow to read; 2,000 atoms take 0.3 MiB
_MAX_NODES = 500_000  # aliases can make a short file a huge tree
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_WHOLE = re.compile(r"[-+]?\d{1,18}")
_REAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?|[-+]?\.?(inf|nan)", re.IGNORECASE)


def parse_yaml(text: str) -> Arrays:
    """Arrays from `Structure.as_dict()` of pymatgen written as YAML; raises `CrystalError` with the reason."""
    if len(text) > MAX_BYTES:
        raise CrystalError(f"YAML of more than {MAX_BYTES // 2**20} MiB: write it as JSON, which is read much faster")
    check_nesting(text.encode("utf-8", "replace"), MAX_BRACKETS)  # ruamel.yaml takes ever longer for them
    return parse_record(_plain(_tree(text), [0], 0))


def _tree(text: str) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError, YAMLWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", YAMLWarning)  # an anchor for two parts
            return YAML(typ="base", pure=True).compose(text)  # nodes only: no constructor is asked
    except RecursionError as error:
        raise CrystalError("not readable YAML: lists within lists without end") from error
    except (YAMLError, YAMLWarning, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise CrystalError("not readable YAML: it is truncated, damaged, or not of this format") from error


def _plain(node: Any, count: list[int], depth: int) -> Any:
    """A node as JSON would have it, whatever tag it carries."""
    count[0] += 1
    if count[0] > _MAX_NODES or depth > MAX_DEPTH:
        raise CrystalError("not readable YAML: it refers to its own parts again and again, or is nested too deeply")
    kind = getattr(node, "id", None)
    if kind == "mapping":
        return each_once([(str(key.value), _plain(value, count, depth + 1)) for key, value in node.value])
    if kind == "sequence":
        return [_plain(value, count, depth + 1) for value in node.value]
    return _scalar(node) if kind == "scalar" else None


def _scalar(node: Any) -> Any:
    text = str(node.value)
    if node.style:  # quoted
        return text
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan")) if _REAL.fullmatch(text) else text
