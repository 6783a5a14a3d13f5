"""Jupyter notebooks: Markdown cells with their headings, code cells and what they printed, in order, apart by empty lines.

Of an output only plain text is taken; pictures and the colours of a terminal are not.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.text import decode, load_markdown

_TERMINAL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def load(data: bytes) -> Loaded:
    """Read a notebook.

    Raises: LoadError when it is no JSON or has no cells.
    """
    text = decode(data)
    if not text.strip():
        return Loaded(text="")
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise LoadError(f"is no notebook that can be read: {error}. Save it anew") from error
    cells = _cells(notebook)
    builder = Builder()
    for cell in cells:
        source = _joined(cell.get("source", cell.get("input", ""))).strip("\n")
        if source.strip():
            is_markdown = cell.get("cell_type") in ("markdown", "heading")
            builder.append(load_markdown(source.encode("utf-8", "replace")) if is_markdown else Loaded(text=source))
        for output in _outputs(cell):
            builder.append(Loaded(text=output))
    metadata = notebook.get("metadata", {})
    authors = [author.get("name", "") for author in metadata.get("authors", []) if isinstance(author, dict)]
    return builder.finish(title=str(metadata.get("title", "")), metadata={"author": ", ".join(authors)})


def _cells(notebook: Any) -> list[dict[str, Any]]:
    """Cells of a notebook of format 4, or of the sheets that format 3 had."""
    if isinstance(notebook, dict):
        sheets = notebook.get("worksheets", [notebook])
        found = [cell for sheet in sheets for cell in sheet.get("cells", ())]
        if found or "cells" in notebook:
            return found
    raise LoadError("is no notebook: it has no cells. Give it the suffix .json if it is other JSON")


def _outputs(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell.get("outputs", ()):
        text = output.get("text") or output.get("data", {}).get("text/plain", "")
        text = _TERMINAL.sub("", _joined(text)).strip("\n")
        if text.strip():
            yield text


def _joined(lines: Any) -> str:
    return lines if isinstance(lines, str) else "".join(lines)
