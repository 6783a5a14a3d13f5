"""XML: records as lines `tag: value` under the path of their tags, anything else as paragraphs with the headings it has.

A file is one of records when an element with parts of its own repeats and no text runs around its parts. A file that defines
entities is refused.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.package import parse_xml, tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

_HEADINGS = frozenset(("title", "head", "heading"))
_ROWS = frozenset(("row", "tr"))


def load(data: bytes) -> Loaded:
    """Read an XML file.

    Raises: LoadError when it is not well-formed or defines entities.
    """
    if not data.strip():
        return Loaded(text="")
    root = parse_xml(data)
    builder = Builder()
    is_records = _has_records(root)
    if is_records:
        _write_records(root, tag_of(root), builder)
    else:
        _write_prose(root, 0, builder)
    title = next((_text(child) for child in root if tag_of(child) == "title"), "")
    return builder.finish(title=title, whole_lines=is_records)


def _parts(element: "_Element") -> list["_Element"]:
    return [child for child in element if tag_of(child)]


def _text(element: "_Element") -> str:
    """All text inside an element in one line; comments and what was declared elsewhere are no text."""
    return " ".join("".join(_strings(element)).split())


def _strings(element: "_Element") -> Iterator[str]:
    yield element.text or ""
    for child in element:
        if tag_of(child):
            yield from _strings(child)
        yield child.tail or ""


def _is_mixed(element: "_Element") -> bool:
    """True where text runs around inner elements, as in a paragraph with a word in italics."""
    parts = _parts(element)
    return bool(parts) and any(text.strip() for text in (element.text or "", *(child.tail or "" for child in element)))


def _is_structure(element: "_Element") -> bool:
    """True for what has named fields, each once: parts or attributes."""
    names = Counter(tag_of(child) for child in _parts(element) if not len(child))
    return bool(names or element.attrib or _parts(element)) and all(count == 1 for count in names.values())


def _repeated(element: "_Element") -> set[str]:
    """Tags of the records right under an element: structures that come at least twice, all of them alike."""
    groups: dict[str, list[_Element]] = {}
    for child in _parts(element):
        groups.setdefault(tag_of(child), []).append(child)
    return {tag for tag, group in groups.items() if len(group) > 1 and all(map(_is_structure, group))}


def _has_records(root: "_Element") -> bool:
    elements = [element for element in root.iter() if tag_of(element)]
    return not any(map(_is_mixed, elements)) and any(map(_repeated, elements))


def _write_records(element: "_Element", path: str, builder: Builder) -> None:
    repeated = _repeated(element)
    heading = ""
    for name, value in element.attrib.items():
        builder.line(f"{path}@{name.rpartition('}')[2]}: {value}")
    for child in _parts(element):
        tag = tag_of(child)
        if tag in repeated:
            if heading != tag:
                builder.heading(1, f"{path}/{tag}")
                heading = tag
            builder.gap()
            for name, value in _fields(child, ""):
                builder.line(f"{name}: {value}")
        elif _parts(child):
            builder.gap()
            _write_records(child, f"{path}/{tag}", builder)
        else:
            for name, value in _fields(child, tag):
                builder.line(f"{name}: {value}")


def _fields(element: "_Element", path: str) -> Iterator[tuple[str, str]]:
    """Every value inside a record with its path from there; a tag that repeats is numbered from 1."""
    for name, value in element.attrib.items():
        if value.strip():
            yield f"{path}@{name.rpartition('}')[2]}", " ".join(value.split())
    parts = _parts(element)
    if not parts:
        if text := _text(element):
            yield path or tag_of(element), text
        return
    total, seen = Counter(map(tag_of, parts)), Counter[str]()
    for child in parts:
        tag = tag_of(child)
        seen[tag] += 1
        step = f"{tag}[{seen[tag]}]" if total[tag] > 1 else tag
        yield from _fields(child, f"{path}/{step}" if path else step)


def _write_prose(element: "_Element", depth: int, builder: Builder) -> None:
    """Write elements with text of their own as paragraphs, titles as headings as deep as they stand."""
    parts = _parts(element)
    if not parts or _is_mixed(element):
        text = _text(element)
        if text and tag_of(element) in _HEADINGS:
            builder.heading(depth, text)
        elif text:
            builder.gap()
            builder.line(text)
        return
    if tag_of(element) in _ROWS:
        builder.line(" | ".join(map(_text, parts)))
        return
    for child in parts:
        _write_prose(child, depth + 1, builder)
