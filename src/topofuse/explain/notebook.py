"""An explanation as HTML for notebooks: no script, nothing from elsewhere, the page's own ink and paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from markupsafe import Markup

from topofuse.explain.contents import Contents
from topofuse.explain.text import as_text
from topofuse.labels import FIVE

# M. Okabe and K. Ito, "Color universal design" (2008); the sign stands beside each bar
_TOWARDS, _AWAY = "#0072b2", "#d55e00"
_STYLE = """
.topofuse-explanation table {border-collapse: collapse; color: inherit; background: transparent; margin: .3em 0 1em}
.topofuse-explanation caption {text-align: left; caption-side: top; font-weight: bold; color: inherit}
.topofuse-explanation th, .topofuse-explanation td {padding: .15em .6em; text-align: left}
.topofuse-explanation thead th {border-bottom: 1px solid currentColor}
.topofuse-explanation td.number {text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap}
.topofuse-explanation .track {display: inline-block; width: 9em; height: .8em; vertical-align: middle;
  background: rgba(128, 128, 128, .2)}
.topofuse-explanation .track span {display: block; height: 100%}
.topofuse-explanation pre {color: inherit; background: transparent; white-space: pre-wrap}
"""


def as_html(explanation: Contents) -> str:
    """The answer, what modalities and columns did for it, and the whole text to unfold."""
    place = f"{explanation.formula}, space group {explanation.symbol} ({explanation.spacegroup})"
    parts = [_paragraph(f"{explanation.source}: {place}" if explanation.source else place)]
    if explanation.answer is None:
        parts.append(_paragraph(f"metal: {explanation.domain_reason}"))
    else:
        parts.append(_paragraph(f"{explanation.answer.label}: p(non-trivial) = {explanation.answer.p_nontrivial:.3f}"))
        probabilities = [(name, explanation.answer.probabilities[name]) for name in FIVE]
        parts.append(
            _bars("Class probabilities", ("class", "p"), [((name,), p, f"{p:.3f}") for name, p in probabilities])
        )
        modalities = [((part.name,), part.change, f"{part.change:+.3f}") for part in explanation.modalities]
        parts.append(_bars("What each modality adds to p(non-trivial)", ("modality", "change"), modalities))
        columns = [
            ((part.words, "undefined" if part.value is None else f"{part.value:.4g}", part.modality), part.log_odds,
             f"{part.log_odds:+.3f}") for part in explanation.features
        ]  # fmt: skip
        title = "Strongest columns of the boosted trees: what they add to the log-odds of non-trivial"
        parts.append(_bars(title, ("column", "value", "modality", "log-odds"), columns))
    parts += [_paragraph(f"warning, {warning}") for warning in explanation.warnings]
    whole = Markup("<details><summary>All of it as text</summary><pre>{}</pre></details>").format(as_text(explanation))
    page = Markup('<div class="topofuse-explanation"><style>{}</style>{}{}</div>')
    return str(page.format(Markup(_STYLE), Markup("").join(parts), whole))


def _paragraph(text: str) -> Markup:
    return Markup("<p>{}</p>").format(text)


def _bars(title: str, names: Sequence[str], rows: Iterable[tuple[tuple[str, ...], float, str]]) -> Markup:
    """A table of rows (cells, value, value in words), with a bar for each value; nothing where there are no rows."""
    rows = list(rows)
    if not rows:
        return Markup("")
    largest = max(abs(value) for _, value, _ in rows) or 1.0
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in names)
    lines = []
    for cells, value, words in rows:
        shown = Markup("").join(Markup("<td>{}</td>").format(cell) for cell in cells)
        bar = Markup('<span class="track" aria-hidden="true"><span style="width: {}%; background: {}"></span></span>')
        drawn = bar.format(f"{100 * abs(value) / largest:.2f}", _TOWARDS if value >= 0 else _AWAY)
        lines.append(Markup('<tr>{}<td class="number">{}</td><td>{}</td></tr>').format(shown, words, drawn))
    table = Markup("<table><caption>{}</caption><thead><tr>{}<td></td></tr></thead><tbody>{}</tbody></table>")
    return table.format(title, head, Markup("").join(lines))
