"""ZIP packages of XML parts (DOCX, PPTX, XLSX, ODF, EPUB), and XML read with care. It knows no format.

A package that unpacks to an absurd size is refused before it is unpacked, and XML that defines entities is not read: no
program writes such files for people, and a few bytes of them can stand for gigabytes. Nothing outside the file is fetched.
"""

import io
import lzma
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ingest.errors import LoadError

if TYPE_CHECKING:
    from lxml.etree import _Element

# Together larger than this when unpacked is no office document that people wrote.
_MAX_UNPACKED_BYTES = 500_000_000
_MAX_PARTS = 20_000
_OLE = b"\xd0\xcf\x11\xe0"
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class Package:
    """An open package: its parts by name.

    `kind` names the format in errors. Raises: LoadError when the bytes are no ZIP file or unpack to an absurd size.
    """

    def __init__(self, data: bytes, kind: str) -> None:
        self.kind = kind
        self._relations: dict[str, dict[str, tuple[str, str]]] = {}
        if data.startswith(_OLE):
            raise LoadError(f"is encrypted or an old Office file. Save it as {kind} without a password")
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(data))
        except BROKEN_ZIP as error:
            raise LoadError(f"is no {kind}: {error}. Bring it back from a copy, or save it anew") from error
        size = sum(info.file_size for info in self._archive.infolist())
        if size > _MAX_UNPACKED_BYTES:
            raise LoadError(f"unpacks to {size:,} bytes, more than the {_MAX_UNPACKED_BYTES:,} that are read. Split it")
        if len(self._archive.infolist()) > _MAX_PARTS:
            raise LoadError(f"has more than {_MAX_PARTS:,} parts, which no {kind} has. Save it anew")

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all parts."""
        return frozenset(self._archive.namelist())

    def read(self, name: str) -> bytes:
        """Bytes of a part.

        Raises: LoadError when it is missing, encrypted or damaged.
        """
        try:
            return self._archive.read(name)
        except KeyError as error:
            raise LoadError(f"is no {self.kind} that can be read: part `{name}` is missing. Save it anew") from error
        except BROKEN_ZIP as error:
            raise LoadError(f"is damaged: part `{name}`: {error}. Bring it back from a copy, or save it anew") from error

    def xml(self, name: str) -> "_Element":
        """Root element of an XML part.

        Raises: LoadError.
        """
        return parse_xml(self.read(name))

    def relations(self, part: str) -> dict[str, tuple[str, str]]:
        """What an OOXML part refers to inside the package: (type, part name) by id; the type without its address."""
        if part not in self._relations:  # asked of a part again for each of its shapes
            self._relations[part] = self._read_relations(part)
        return self._relations[part]

    def _read_relations(self, part: str) -> dict[str, tuple[str, str]]:
        folder, name = posixpath.split(part)
        file = posixpath.join(folder, "_rels", f"{name}.rels")
        if file not in self.names:
            return {}
        found = {}
        for element in self.xml(file):
            if element.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, unquote(element.get("Target", "")))).lstrip("/")
                found[element.get("Id", "")] = (element.get("Type", "").rsplit("/", 1)[-1], target)
        return found

    def related(self, part: str, kind: str) -> str:
        """Name of the first part of a kind that a part refers to, empty if there is none."""
        return next((target for found, target in self.relations(part).values() if found == kind), "")

    def properties(self) -> dict[str, str]:
        """Title, author and dates of an OOXML package, by the names that documents use."""
        part = self.related("", "core-properties")
        found = {tag_of(element): (element.text or "").strip() for element in self.xml(part)} if part in self.names else {}
        wanted = {"title": "title", "author": "creator", "created": "created", "modified": "modified"}
        return {name: found.get(tag, "") for name, tag in wanted.items()}


def parse_xml(data: bytes) -> "_Element":
    """Root element of an XML file.

    Raises: LoadError when it is not well-formed or defines entities.
    """
    from lxml import etree

    refuse_entities(data)
    try:
        return etree.fromstring(data, etree.XMLParser(**SAFE))
    except (etree.XMLSyntaxError, ValueError) as error:
        raise LoadError(f"is no XML that can be read: {error}. Mend it there, or save it anew") from error


def stream_xml(data: bytes, *tags: str) -> Iterator["_Element"]:
    """Elements of those names (`{namespace}tag`) as they end, for parts too large for a tree; each is emptied after use.

    Raises: LoadError, while it is read.
    """
    from lxml import etree

    refuse_entities(data)
    try:
        for _, element in etree.iterparse(io.BytesIO(data), events=("end",), tag=tags, **SAFE):
            yield element
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
    except (etree.XMLSyntaxError, ValueError) as error:
        raise LoadError(f"is no XML that can be read: {error}. Save it anew") from error


def refuse_entities(data: bytes) -> None:
    """Zero bytes are dropped first, so that UTF-16 hides nothing.

    Raises: LoadError when XML defines entities.
    """
    if b"<!ENTITY" in (data.replace(b"\0", b"") if b"\0" in data[:4096] else data):
        raise LoadError("defines entities in its XML, as attacks do and documents need not. Remove the definitions")


# No entity is put in, nothing is fetched, and the parser's own limits on depth and size stay.
SAFE = {"resolve_entities": False, "no_network": True, "load_dtd": False, "huge_tree": False}


def tag_of(element: "_Element") -> str:
    """Name of an element without its namespace; empty for comments and instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: "_Element", name: str) -> str:
    """Value of an attribute by its name without namespace, empty if there is none."""
    return next((str(value) for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")
