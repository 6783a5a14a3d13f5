"""HTML: the text that a reader sees, with headings, lists and tables as lines. Nothing is fetched or run.

Left out: script, style, template and other parts that a browser does not show; and, counted, what the page hides by its
attributes, its styles and the style sheets in it (`cascade` tells what these say, `sight` what a reader sees of it). Of
linked style sheets only those are read that come in the same archive; where others are linked, what lies behind the text of
the page cannot be told, and no text is taken for hidden by the colour of the page alone.
"""

import posixpath
import re
from collections.abc import Callable

from lxml import etree
from lxml import html as lxml_html

from ingest.documents import Heading, Table
from ingest.errors import LoadError
from ingest.loaders import Loaded, cascade, sight
from ingest.loaders.cascade import Cascade
from ingest.loaders.figure_tables import tables_of
from ingest.loaders.sight import Look
from ingest.loaders.text import decode

_UNSEEN = frozenset("script style template noscript head iframe object embed svg math canvas audio video datalist".split())
_BLOCKS = frozenset(
    """address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody tfoot thead tr ul caption""".split()
)
_PICTURES = ("img", "picture", "video", "canvas", "svg", "object", "iframe")
_FIELDS = ("button", "input", "select", "textarea")
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w-]{2,40})""", re.IGNORECASE)
_MAX_SHEETS = 20  # that other style sheets take in
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")


def load(data: bytes, linked: Callable[[str], str | None] | None = None) -> Loaded:
    """Read an HTML file; `linked` gives the text of a style sheet by its address, None where it is not there.

    Raises: LoadError when nothing in it can be parsed.
    """
    markup = _decode(data)
    if not markup.strip():
        return Loaded(text="")
    markup = re.sub(r"^\s*<\?xml[^>]*\?>", "", markup)  # lxml refuses text that declares its encoding
    parser = lxml_html.HTMLParser(no_network=True, remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        root = lxml_html.document_fromstring(markup, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise LoadError(f"is no HTML that can be read: {error}") from error
    writer = _Writer(_Reader(root, linked or (lambda address: None)))
    body = root.find("body")
    _walk(body if body is not None else root, writer, writer.reader.page)
    text, headings, tables = writer.finish()
    title = root.findtext("head/title") or ""
    language = (root.get("lang") or "")[:2].lower()
    about = {str(meta.get("name")).lower(): str(meta.get("content") or "") for meta in root.iterfind("head/meta[@name]")}
    return Loaded(
        text=text,
        title=" ".join(title.split()),
        headings=headings,
        tables=tables,
        metadata={"declared_language": language, "author": about.get("author", ""), "created": about.get("date", "")},
        n_hidden=writer.reader.n_hidden,
    )


def _decode(data: bytes) -> str:
    """A byte-order mark, then the encoding that the file declares, then what text files get."""
    declared = _DECLARED.search(data[:4096]) or _XML_DECLARED.search(data[:200])
    if declared and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        name = declared.group(1).decode("ascii").lower()
        try:
            # Browsers read the declarations latin-1 and ascii as Windows-1252.
            return data.decode("cp1252" if name in ("iso-8859-1", "latin1", "us-ascii", "ascii") else name)
        except (LookupError, UnicodeDecodeError):
            pass
    return decode(data)


class _Reader:
    """What a reader of one page sees of its elements; what the page hides is counted."""

    def __init__(self, root: etree._Element, linked: Callable[[str], str | None]) -> None:
        self.n_hidden = 0
        self._cascade = Cascade(sight.hides)
        self._framed: set[etree._Element] = set()  # elements with a picture in them
        for picture in root.iter(*_PICTURES):
            for outer in picture.iterancestors():
                if outer in self._framed or outer.tag in ("body", "html"):
                    break
                self._framed.add(outer)
        page = Look() if self._take_sheets(root, linked) else Look(behind=None)
        scheme = self._cascade.of(root, {}).get("color-scheme", "")
        self.page = Look(letters=None, behind=None) if "dark" in scheme and "light" not in scheme else page
        if root.find("body") is not None:
            self.page = self.look(root, self.page) or self.page

    def look(self, element: etree._Element, outer: Look) -> Look | None:
        """The look of an element inside of one that looks like `outer`, None where nothing in it is shown."""
        tag = element.tag
        if not isinstance(tag, str) or tag in _UNSEEN:
            return None
        if tag == "input" and element.get("type", "").lower() == "hidden":
            return None
        declared = self._cascade.of(element, _hints(element))
        if not declared:
            return outer
        if tag in ("html", "body"):  # pages that are hidden until a script has looked at them
            declared = {name: value for name, value in declared.items() if name not in ("display", "visibility", "opacity")}
        is_box = tag in _BLOCKS or tag in ("td", "th", "body", "button")
        on_picture = element.getparent() in self._framed
        look = sight.seen_through(declared, outer, is_box=is_box, lies_on_picture=on_picture)
        is_cell = tag in ("td", "th", "tr", "tbody", "thead", "tfoot", "table")
        if sight.is_gone(declared, look, self._cascade.animations, is_box=is_box, is_cell=is_cell):
            self._count("".join(map(str, element.itertext())))
            return None
        return look

    def seen(self, text: str | None, look: Look) -> str:
        """A text, or nothing where it cannot be seen."""
        if not text or text.isspace() or look.is_seen():
            return text or ""
        self._count(text)
        return ""

    def _count(self, text: str) -> None:
        self.n_hidden += len(_SPACE.sub(" ", text).strip())

    def _take_sheets(self, root: etree._Element, linked: Callable[[str], str | None]) -> bool:
        """Take in the style sheets of the page; false where one that holds for sure is not there to be read."""
        is_whole, n_left = True, _MAX_SHEETS
        found = [(element, holds) for element, holds in cascade.sheets_of(root)]
        for element, holds in found:
            href = element.get("href") or "" if element.tag == "link" else ""
            sheet = linked(href) if element.tag == "link" else element.text or ""
            is_whole = is_whole and (sheet is not None or not holds)
            for address, media in cascade.imports(sheet or "")[:n_left]:
                n_left -= 1
                inner, is_certain = linked(posixpath.join(posixpath.dirname(href), address)), cascade.is_for_screens(media)
                is_whole = is_whole and (inner is not None or is_certain is not True)
                if is_certain is not False:
                    self._cascade.add(inner or "", is_sure=holds and is_certain is True)
            self._cascade.add(sheet or "", is_sure=holds)
        return is_whole


def _hints(element: etree._Element) -> dict[str, str]:
    """What attributes, and browsers of their own accord, say of an element."""
    tag, hints = element.tag, {}
    if tag == "a" and "href" in element.attrib:
        hints["color"] = "#0000ee"
    elif tag == "mark":
        hints = {"color": "black", "background-color": "yellow"}
    elif tag in _FIELDS:
        hints = {"color": "black", "background-color": "#efefef"}
    for name, attribute in (("color", "text" if tag == "body" else "color"), ("background-color", "bgcolor")):
        value = element.get(attribute, "").strip().lower()
        if value and (name != "color" or tag in ("font", "body", "basefont")):
            hints[name] = f"#{value}" if re.fullmatch(r"[0-9a-f]{6}", value) else value
    if element.get("background"):
        hints["background-image"] = "url()"
    if "hidden" in element.attrib:
        hints["display"] = "none"
    return hints


class _Writer:
    """Collects visible text line by line; white space collapses, blocks begin on new lines."""

    def __init__(self, reader: _Reader) -> None:
        self.reader = reader
        self._done: list[str] = []
        self._length = 0
        self._line = ""
        self._headings: list[Heading] = []
        self.header: tuple[int, int] | None = None  # where the row stands that names the columns of the table at hand
        self._tables: list[Table] = []
        self._unmarked: list[tuple[int, int]] = []  # tables without a header, none with another one in it
        self.n_tables = 0

    def text(self, text: str) -> None:
        """Add running text to the current line."""
        text = _SPACE.sub(" ", text)
        self._line += text.lstrip(" ") if not self._line or self._line.endswith(" ") else text

    def verbatim(self, text: str) -> None:
        """Add preformatted text: its own lines, blanks kept."""
        for line in text.splitlines(keepends=True):
            self._line += line.rstrip("\r\n")
            if line.endswith("\n"):
                self._write(self._line.rstrip() + "\n")
                self._line = ""

    def end_line(self, *, blank: bool = False) -> None:
        """End the current line if it has text; `blank` leaves one empty line before what follows."""
        if self._line == "- ":  # a list item whose text stands in a paragraph of its own
            return
        if self._line.strip():
            self._write(self._line.rstrip() + "\n")
        self._line = ""
        if blank and self._done and self._done[-1] != "\n":
            self._write("\n")

    def heading(self, level: int, start: int) -> None:
        """Record that what was written since `start` is a heading."""
        if start < self._length:
            self._headings.append(Heading(level, start, self._length - 1))

    def table(self, start: int, n_before: int) -> None:
        """Record that what was written since the header is its table.

        One without a header stands since `start`; it is left aside if there are more tables now than there were before it.
        """
        self.end_line()
        if self.header and self.header[1] < self._length:
            self._tables.append(Table(*self.header, self._length))
        elif not self.header and self.n_tables == n_before:
            self._unmarked.append((start, self._length))
        self.n_tables += 1

    def position(self) -> int:
        """Where the next line will start."""
        return self._length

    def finish(self) -> tuple[str, list[Heading], list[Table]]:
        """Return the text, its headings and its tables whose columns have names."""
        self.end_line()
        text = "".join(self._done)
        tables = [*self._tables, *tables_of(text, self._unmarked)]
        return text, self._headings, sorted(tables, key=lambda table: table.start)

    def _write(self, line: str) -> None:
        self._done.append(line)
        self._length += len(line)


def _walk(element: etree._Element, writer: _Writer, outer: Look) -> None:
    """Write what a reader sees of an element; what follows it (its tail) is the caller's."""
    look = writer.reader.look(element, outer)
    if look is None:
        return
    tag = element.tag
    if tag == "br":
        writer.end_line()
    elif tag == "tr":
        _row(element, writer, look)
    elif tag == "pre":
        writer.end_line(blank=True)
        writer.verbatim(_text_in(element, writer, look))
        writer.end_line(blank=True)
    elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        writer.end_line(blank=True)
        start = writer.position()
        _inside(element, writer, look)
        writer.end_line()
        writer.heading(int(tag[1]), start)
    elif tag in _BLOCKS:
        is_line = tag in ("li", "dt", "dd", "div", "legend", "summary", "figcaption")
        writer.end_line(blank=not is_line)
        if tag == "li":
            writer.text("- ")
        start, n_before = writer.position(), writer.n_tables
        outer_header, writer.header = writer.header, None if tag == "table" else writer.header
        _inside(element, writer, look)
        if tag == "table":
            writer.table(start, n_before)
            writer.header = outer_header
        writer.end_line(blank=not is_line)
    else:
        _inside(element, writer, look)


def _inside(element: etree._Element, writer: _Writer, look: Look) -> None:
    writer.text(writer.reader.seen(element.text, look))
    for child in element:
        _walk(child, writer, look)
        writer.text(writer.reader.seen(child.tail, look))


def _row(row: etree._Element, writer: _Writer, look: Look) -> None:
    """A table row is one line, cells apart by ` | `."""
    cells = []
    parent = row.getparent()
    is_header = (parent is not None and parent.tag == "thead") or not any(True for _ in row.iterchildren("td"))
    for cell in row:
        if isinstance(cell.tag, str) and cell.tag in ("td", "th") and (inner := writer.reader.look(cell, look)) is not None:
            cells.append(_SPACE.sub(" ", _text_in(cell, writer, inner)).strip())
    writer.end_line()
    if any(cells):
        start = writer.position()
        writer.text(" | ".join(cells))
        writer.end_line()
        if is_header and len(cells) > 1 and writer.header is None:
            writer.header = (start, writer.position())


def _text_in(element: etree._Element, writer: _Writer, look: Look) -> str:
    """The text that is seen in an element; `look` is its own."""
    parts = [writer.reader.seen(element.text, look)]
    for child in element:
        inner = writer.reader.look(child, look)
        if inner is not None:
            text = "\n" if child.tag == "br" else _text_in(child, writer, inner)
            parts.append(f" {text} " if child.tag in _BLOCKS and child.tag not in ("tr", "pre") else text)
        parts.append(writer.reader.seen(child.tail, look))
    return "".join(parts)
