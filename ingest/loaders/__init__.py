"""Bytes of one file -> Document. One module per family of formats; this one chooses by suffix and guards the edges.

A loader turns whatever is wrong with its file into a LoadError that says what and why; it never fetches anything from
outside the file.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ingest.analysis import detect_language
from ingest.documents import Document, Heading, Page
from ingest.errors import LoadError, UnsupportedFile


@dataclass
class Loaded:
    """What a loader gives back: text, and where pages and headings stand in it."""

    text: str
    title: str = ""
    language: str = ""
    pages: list[Page] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)


# Raised whenever a loader starts to give other text for the same bytes, so that stored documents are read again.
LOADERS_VERSION = 1


def _loaders() -> dict[str, Callable[[bytes], Loaded]]:
    from ingest.loaders import docx, html, pdf, text

    return {
        ".pdf": pdf.load,
        ".md": text.load_markdown,
        ".markdown": text.load_markdown,
        ".txt": text.load_text,
        ".text": text.load_text,
        ".html": html.load,
        ".htm": html.load,
        ".xhtml": html.load,
        ".docx": docx.load,
    }


SUFFIXES = frozenset({".pdf", ".md", ".markdown", ".txt", ".text", ".html", ".htm", ".xhtml", ".docx"})


def load_bytes(data: bytes, name: str) -> Document:
    """Turn a file's bytes into a document named `name`; the suffix of the name decides how it is read.

    Raises: UnsupportedFile for an unknown suffix, LoadError when the bytes cannot be read as what the suffix says.
    """
    suffix = PurePosixPath(name).suffix.lower()
    load = _loaders().get(suffix)
    if load is None:
        raise UnsupportedFile(f"cannot read `{name}`: no loader for `{suffix or 'no suffix'}`.")
    loaded = load(data)
    if not loaded.text.strip():
        raise LoadError("no text in it: the file is empty or holds only images")
    title = loaded.title.strip() or _first_heading(loaded) or PurePosixPath(name).stem.replace("_", " ").strip()
    return Document(
        name=name,
        text=loaded.text,
        sha256=hashlib.sha256(data).hexdigest(),
        title=" ".join(title.split())[:200],
        language=loaded.language or detect_language(loaded.text),
        pages=tuple(loaded.pages),
        headings=tuple(loaded.headings),
        metadata=loaded.metadata,
    )


def load_file(path: Path, name: str) -> Document:
    """Read one file.

    Raises: LoadError, its UnsupportedFile included; an unreadable file is a LoadError too.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LoadError(f"cannot be opened: {error.strerror or error}") from error
    return load_bytes(data, name)


def _first_heading(loaded: Loaded) -> str:
    for heading in loaded.headings:
        title = loaded.text[heading.start : heading.end].strip("# \t\n")
        if title:
            return title
    return ""
