"""EPUB: the chapters in reading order, each read as HTML. There are no fixed pages; headings tell where a passage stands."""

import posixpath
from functools import partial
from urllib.parse import unquote

from ingest.errors import LoadError
from ingest.loaders import Loaded, html
from ingest.loaders.builder import Builder
from ingest.loaders.package import Package, tag_of
from ingest.loaders.text import decode

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"


def load(data: bytes) -> Loaded:
    """Read an EPUB file.

    Raises: LoadError when it is no EPUB or its chapters are encrypted.
    """
    package = Package(data, "EPUB")
    root = package.xml(_CONTAINER).find("{*}rootfiles/{*}rootfile")
    if root is None:
        raise LoadError("is no EPUB that can be read: it names no book. Save it anew")
    opf = root.get("full-path", "")
    book = package.xml(opf)
    hrefs = {item.get("id"): item.get("href", "") for item in book.iterfind("{*}manifest/{*}item")}
    chapters = [hrefs[item.get("idref")] for item in book.iterfind("{*}spine/{*}itemref") if item.get("idref") in hrefs]
    parts = [posixpath.normpath(posixpath.join(posixpath.dirname(opf), unquote(href))) for href in chapters]
    if _ENCRYPTION in package.names and _encrypted(package) & set(parts):
        raise LoadError("is protected against copying, its chapters are encrypted. A copy without protection can be read")
    builder = Builder()
    for part in parts:
        if part not in package.names:
            builder.warnings.append(f"chapter `{part}` is missing from the file")
        elif (chapter := html.load(package.read(part), partial(_sheet, package, part))).text.strip():
            builder.append(chapter)
    about = {tag_of(element): " ".join((element.text or "").split()) for element in book.iterfind("{*}metadata/*")}
    return builder.finish(
        title=about.get("title", ""), metadata={"author": about.get("creator", ""), "created": about.get("date", "")}
    )


def _sheet(package: Package, chapter: str, address: str) -> str | None:
    """A style sheet that a chapter links, None where the book does not hold it."""
    part = posixpath.normpath(posixpath.join(posixpath.dirname(chapter), unquote(address)))
    if part not in package.names:
        return None
    try:
        return decode(package.read(part))
    except LoadError:  # a damaged style sheet: the words are there nonetheless
        return None


def _encrypted(package: Package) -> set[str]:
    """Parts that are encrypted; embedded fonts often are, in books that anybody may read."""
    return {unquote(reference.get("URI", "")) for reference in package.xml(_ENCRYPTION).iter("{*}CipherReference")}
