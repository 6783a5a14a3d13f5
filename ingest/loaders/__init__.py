"""Bytes of one file -> Document. One module per family of formats; this one chooses by suffix and guards the edges.

A loader turns whatever is wrong with its file into a LoadError that says what and why; it never fetches anything from
outside the file. What broken bytes make Python or a library raise otherwise becomes a LoadError here.
"""

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ingest.analysis import detect_language
from ingest.documents import Document, Heading, Page, Rows, Table
from ingest.errors import LoadError, UnsupportedFile


@dataclass
class Loaded:
    """What a loader gives back: text, and where pages, headings and table rows stand in it.

    `n_hidden` counts the characters that were left out because a reader of the file does not see them. Without a title of its
    own the document has that of the first heading, if `is_titled_by_heading`, or the file's name.
    """

    text: str
    title: str = ""
    language: str = ""
    pages: list[Page] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    rows: list[Rows] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    whole_lines: bool = False
    metadata: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    n_hidden: int = 0
    is_titled_by_heading: bool = True


# Raised whenever the same bytes start to give another text, language, chunks or terms, so that stored documents are read again.
LOADERS_VERSION = 6

# What Python and the libraries raise on broken structures. A lack of memory is none: it is told apart (`ingest.reading`).
BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    SyntaxError,  # lxml's errors of syntax are of this kind
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)

_BEGINNINGS = (
    (b"%PDF-", ".pdf"),
    (b"{\\rtf", ".rtf"),
    (b"SQLite format 3\0", ".sqlite"),
    (b"\x89PNG\r\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
)
_OLE = b"\xd0\xcf\x11\xe0"
# Parts that only packages of one kind have. OpenDocument is read alike whatever it is.
_TELLING_PARTS = {
    "word/document.xml": ".docx",
    "ppt/presentation.xml": ".pptx",
    "xl/workbook.xml": ".xlsx",
    "META-INF/container.xml": ".epub",
    "content.xml": ".odt",
}
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # no UTF-8 can hold one; JSON and mail can
_CODE = """.py .js .jsx .mjs .cjs .ts .tsx .vue .java .c .h .cc .cpp .hh .hpp .cs .fs .vb .go .rs .rb .php .lua .pl .sh
    .bash .zsh .ps1 .sql .kt .swift .scala .groovy .clj .hs .erl .ex .exs .dart .jl .r .m .sol .proto .tf
    .css .scss .toml .yaml .yml
    .ini .cfg .conf .properties .diff .patch""".split()
_PLAIN = ".txt .text .log .tex .org .adoc .srt .vtt".split()
_DOCUMENTS = ".docx .docm .dotx .dotm".split()
_SLIDES = ".pptx .pptm .ppsx .ppsm .potx .potm".split()
_SHEETS = ".xlsx .xlsm .xltx .xltm".split()
# Files that have no suffix by custom, and the suffix of what is read as they are.
NAMES = dict.fromkeys("readme license licence notice changelog authors copying".split(), ".txt") | dict.fromkeys(
    "makefile dockerfile".split(), ".sh"
)

_IMAGES = ".png .jpg .jpeg .tif .tiff .webp .bmp".split()
_DATABASES = ".sqlite .sqlite3 .db .db3".split()


def _loaders() -> dict[str, Callable[[bytes], Loaded]]:
    from ingest.loaders import (
        code,
        docx,
        epub,
        html,
        image,
        json,
        mail,
        msg,
        notebook,
        odf,
        pdf,
        pptx,
        rst,
        rtf,
        sqlite,
        tables,
        text,
        xlsx,
        xml,
    )

    return {
        ".pdf": pdf.load,
        ".md": text.load_markdown,
        ".markdown": text.load_markdown,
        **dict.fromkeys(_PLAIN, text.load_text),
        ".rst": rst.load,
        ".html": html.load,
        ".htm": html.load,
        ".xhtml": html.load,
        **dict.fromkeys(_DOCUMENTS, docx.load),
        **dict.fromkeys(_SLIDES, pptx.load),
        **dict.fromkeys(_SHEETS, xlsx.load),
        ".odt": odf.load,
        ".ods": odf.load,
        ".odp": odf.load,
        ".epub": epub.load,
        ".rtf": rtf.load,
        ".eml": mail.load,
        ".msg": msg.load,
        ".csv": tables.load_csv,
        ".tsv": tables.load_tsv,
        ".json": json.load,
        ".jsonl": json.load_lines,
        ".ndjson": json.load_lines,
        ".xml": xml.load,
        ".ipynb": notebook.load,
        **dict.fromkeys(_IMAGES, image.load),
        **dict.fromkeys(_DATABASES, sqlite.load),
        **dict.fromkeys(_CODE, code.load),
        ".py": code.load_python,
        **dict.fromkeys((".toml", ".ini", ".cfg"), code.load_sections),
    }


SUFFIXES = frozenset(
    """.pdf .md .markdown .rst .html .htm .xhtml .odt .ods .odp .epub .rtf .eml .msg
    .csv .tsv .json .jsonl .ndjson .xml .ipynb""".split()
    + _PLAIN
    + _DOCUMENTS
    + _SLIDES
    + _SHEETS
    + _CODE
    + _IMAGES
    + _DATABASES
)


def load_bytes(data: bytes, name: str, suffix: str = "") -> Document:
    """Turn a file's bytes into a document named `name`; `suffix`, or else that of the name, decides how it is read.

    Raises: UnsupportedFile for an unknown suffix, LoadError when the bytes cannot be read as what the suffix says.
    """
    path = PurePosixPath(name)
    suffix = suffix or path.suffix.lower() or NAMES.get(path.name.lower(), "")
    loaders = _loaders()
    load = loaders.get(suffix)
    if load is None:
        raise UnsupportedFile(f"cannot read `{name}`: no loader for `{suffix or 'no suffix'}`.")
    if data and not data.strip(b"\0"):
        raise LoadError(f"no text in it: all of its {len(data):,} bytes are zero. Bring the file back from a copy")
    real = recognise(data)
    is_other = real in loaders and loaders[real] is not load
    try:
        loaded = loaders[real](data) if is_other else load(data)
    except BROKEN as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise LoadError(f"is damaged and cannot be read: {why}. Bring it back from a copy, or save it anew") from error
    if is_other:
        loaded.warnings.append(f"its name says `{suffix}` but it is `{real}` inside: it was read as that")
    if not loaded.text.strip():
        raise LoadError("no text in it: the file is empty or holds only images")
    title = loaded.title.strip() or _first_heading(loaded) or PurePosixPath(name).stem.replace("_", " ").strip()
    warnings = list(loaded.warnings)
    if loaded.n_hidden:
        warnings.append(f"left out {loaded.n_hidden:,} characters that a reader does not see")
    return Document(
        name=name,
        text=_LONE_SURROGATE.sub("\ufffd", loaded.text),
        sha256=hashlib.sha256(data).hexdigest(),
        title=_LONE_SURROGATE.sub("\ufffd", " ".join(title.split())[:200]),
        language=loaded.language or detect_language(loaded.text),
        pages=tuple(loaded.pages),
        headings=tuple(loaded.headings),
        rows=tuple(loaded.rows),
        tables=tuple(loaded.tables),
        whole_lines=loaded.whole_lines,
        metadata={key: _LONE_SURROGATE.sub("\ufffd", value) for key, value in loaded.metadata.items() if value},
        warnings=tuple(warnings),
    )


def may_be_read_now(reason: str) -> bool:
    """True for what could not be read, or not wholly, for want of something outside of the file that is there now."""
    from ingest.loaders import ocr, pdf

    has_passwords = pdf.PASSWORD_VARIABLE in reason and bool(pdf.passwords())
    return has_passwords or (ocr.REMEDY in reason and ocr.is_installed())


def recognise(data: bytes) -> str:
    """Suffix that fits what a file begins with and holds, empty where that does not tell."""
    for start, suffix in _BEGINNINGS:
        if data.startswith(start):
            return suffix
    if data.startswith(_OLE) and "__properties_version1.0".encode("utf-16-le") in data:
        return ".msg"
    if not data.startswith(b"PK\x03\x04"):
        return ""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
    except BROKEN:
        return ""
    return next((suffix for part, suffix in _TELLING_PARTS.items() if part in names), "")


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
    for heading in loaded.headings if loaded.is_titled_by_heading else ():
        title = loaded.text[heading.start : heading.end].strip("# \t\n")
        if title:
            return title
    return ""
