"""HTML: the text that a reader sees, with headings, lists and tables as lines. Nothing is fetched or run.

Left out: script, style, template and other parts that a browser does not show; and, counted, what has the `hidden` attribute
or an inline style that hides it: no display, not visible, no size, fully transparent, or in the colour that it gives its
background. Style sheets are not evaluated.
"""

import re

from lxml import etree
from lxml import html as lxml_html

from ingest.documents import Heading
from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.text import decode

_UNSEEN = frozenset("script style template noscript head iframe object embed svg math canvas audio video datalist".split())
_BLOCKS = frozenset(
    """address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3
    h4 h5 h6 header hr html legend li main nav ol p pre section summary table tbody tfoot thead tr ul caption""".split()
)
_HIDDEN_STYLE = re.compile(
    r"(?:^|;)\s*(?:display\s*:\s*none\b|visibility\s*:\s*(?:hidden|collapse)\b"
    r"|(?:font-size|opacity)\s*:\s*0*\.?0+(?:px|pt|r?em|%)?\s*(?:!|;|$))",
    re.IGNORECASE,
)
_COLOUR = re.compile(r"(?:^|;)\s*(color|background(?:-color)?)\s*:\s*([#\w]+)\s*(?=!|;|$)", re.IGNORECASE)
_WHITE = frozenset(("white", "#fff", "#ffffff"))
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]{2,40})""", re.IGNORECASE)
_XML_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w-]{2,40})""", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")


def load(data: bytes) -> Loaded:
    """Read an HTML file.

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
    writer = _Writer()
    body = root.find("body")
    _walk(body if body is not None else root, writer)
    text, headings = writer.finish()
    title = root.findtext("head/title") or ""
    language = (root.get("lang") or "")[:2].lower()
    about = {str(meta.get("name")).lower(): str(meta.get("content") or "") for meta in root.iterfind("head/meta[@name]")}
    return Loaded(
        text=text,
        title=" ".join(title.split()),
        headings=headings,
        metadata={"declared_language": language, "author": about.get("author", ""), "created": about.get("date", "")},
        n_hidden=writer.n_hidden,
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


class _Writer:
    """Collects visible text line by line; white space collapses, blocks begin on new lines."""

    def __init__(self) -> None:
        self.n_hidden = 0
        self._done: list[str] = []
        self._length = 0
        self._line = ""
        self._headings: list[Heading] = []

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

    def position(self) -> int:
        """Where the next line will start."""
        return self._length

    def finish(self) -> tuple[str, list[Heading]]:
        """Return the text and its headings."""
        self.end_line()
        return "".join(self._done), self._headings

    def _write(self, line: str) -> None:
        self._done.append(line)
        self._length += len(line)


def _is_left_out(element: etree._Element, writer: _Writer) -> bool:
    """True for what a browser does not show; text that the page hides is counted."""
    if not isinstance(element.tag, str) or element.tag in _UNSEEN:
        return True
    if element.tag == "input" and element.get("type", "").lower() == "hidden":
        return True
    style = element.get("style", "")
    if "hidden" in element.attrib or _HIDDEN_STYLE.search(style) or _is_invisible(style):
        writer.n_hidden += len(_SPACE.sub(" ", "".join(map(str, element.itertext()))).strip())
        return True
    return False


def _is_invisible(style: str) -> bool:
    """True where letters and background are given one colour."""
    colours = {name.lower().partition("-")[0]: value.lower() for name, value in _COLOUR.findall(style)}
    letters, behind = colours.get("color"), colours.get("background")
    return letters is not None and (letters == behind or {letters, behind} <= _WHITE)


def _walk(element: etree._Element, writer: _Writer) -> None:
    """Write what a reader sees of an element; what follows it (its tail) is the caller's."""
    if _is_left_out(element, writer):
        return
    tag = element.tag
    if tag == "br":
        writer.end_line()
    elif tag == "tr":
        _row(element, writer)
    elif tag == "pre":
        writer.end_line(blank=True)
        writer.verbatim(_visible_text(element, writer))
        writer.end_line(blank=True)
    elif tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
        writer.end_line(blank=True)
        start = writer.position()
        _inside(element, writer)
        writer.end_line()
        writer.heading(int(tag[1]), start)
    elif tag in _BLOCKS:
        is_line = tag in ("li", "dt", "dd", "div", "legend", "summary", "figcaption")
        writer.end_line(blank=not is_line)
        if tag == "li":
            writer.text("- ")
        _inside(element, writer)
        writer.end_line(blank=not is_line)
    else:
        _inside(element, writer)


def _inside(element: etree._Element, writer: _Writer) -> None:
    writer.text(element.text or "")
    for child in element:
        _walk(child, writer)
        writer.text(child.tail or "")


def _row(row: etree._Element, writer: _Writer) -> None:
    """A table row is one line, cells apart by ` | `."""
    cells = []
    for cell in row:
        if isinstance(cell.tag, str) and cell.tag in ("td", "th") and not _is_left_out(cell, writer):
            cells.append(_SPACE.sub(" ", _visible_text(cell, writer)).strip())
    writer.end_line()
    if any(cells):
        writer.text(" | ".join(cells))
        writer.end_line()


def _visible_text(element: etree._Element, writer: _Writer) -> str:
    if _is_left_out(element, writer):
        return ""
    if element.tag == "br":
        return "\n"
    parts = [element.text or ""]
    for child in element:
        parts.append(_visible_text(child, writer))
        parts.append(child.tail or "")
    text = "".join(parts)
    return f" {text} " if element.tag in _BLOCKS and element.tag not in ("tr", "pre") else text
