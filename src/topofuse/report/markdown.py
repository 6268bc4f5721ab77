"""A report as Markdown: the same sections and tables; a figure is its description in words."""

from __future__ import annotations

from topofuse.report.document import Block, Cards, Cell, Code, Document, Folded, Gallery, Items, Table, Text


def to_markdown(document: Document) -> str:
    """Markdown (GitHub's flavour) of `document`."""
    parts = [f"# {_plain(document.title)}", _plain(document.subtitle)]
    for section in document.sections:
        parts.append(f"## {_plain(section.title)}")
        parts += [_block(block) for block in section.blocks]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> str:
    match block:
        case Text(text=text, tone="lead"):
            return f"**{_plain(text)}**"
        case Text(text=text, tone="warning"):
            return f"> **Note:** {_plain(text)}"
        case Text(text=text):
            return _plain(text)
        case Items(lines=lines):
            return "\n".join(f"- {_plain(line)}" for line in lines)
        case Cards(cards=cards):
            return "\n".join(f"- {_plain(c.title)}: **{_plain(c.value)}** ({_plain(c.detail)})" for c in cards)
        case Table():
            return _table(block)
        case Gallery(pictures=pictures):
            return "\n".join(f"- *{_plain(p.alt)}*" for p in pictures)
        case Code(summary=summary, text=text, language=language):
            return f"{_plain(summary)}:\n\n```{language}\n{text}\n```"
        case Folded(summary=summary, blocks=blocks):
            return "\n\n".join([f"### {_plain(summary)}", *(_block(inner) for inner in blocks)])


def _table(table: Table) -> str:
    lines = [
        "| " + " | ".join(_in_table(h) for h in table.header) + " |",
        "| " + " | ".join("---" for _ in table.header) + " |",
    ]
    for i, row in enumerate(table.rows):
        texts = [_cell(cell) for cell in row]
        if i in table.marked:
            texts[0] = f"**{texts[0]}**"
        lines.append("| " + " | ".join(texts) + " |")
    return f"{_plain(table.caption)}:\n\n" + "\n".join(lines)


def _cell(cell: Cell) -> str:
    text = _in_table(cell.text)
    # a link inside the page has no address that every reader of Markdown agrees on
    return f"[{text}]({cell.link})" if cell.link and not cell.link.startswith("#") else text


def _in_table(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Text of the world (formulas, file names, notes) with the signs that Markdown would read escaped."""
    text = " ".join(text.split())
    for sign in "\\`*_<":
        text = text.replace(sign, "\\" + sign)
    return text
