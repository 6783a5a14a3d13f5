"""Plain text and Markdown: the document's text is the decoded file, so that offsets are offsets into the user's own file.

Only a byte-order mark is dropped. Newlines stay as they are.
"""

import codecs
import re

from ingest.documents import Heading
from ingest.errors import LoadError
from ingest.loaders import Loaded

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ATX = re.compile(r"^(#{1,6})[ \t]+(\S[^\r\n]*)", re.MULTILINE)
_SETEXT = re.compile(r"^(?![ \t>*|#-])(\S[^\r\n]*)\r?\n(=+|-{3,})[ \t]*(?=\r?\n|\Z)", re.MULTILINE)
_FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n.*?(?:^\1[ \t]*\r?$|\Z)", re.MULTILINE | re.DOTALL)
# Tried when neither a mark nor UTF-8 fits. Western first: most legacy files of the languages served are Windows-1252.
_WESTERN_HINT = re.compile(rb"[\xc0-\xff\x80\x85\x91-\x97\x99\xa1\xa3\xa7\xa9-\xab\xae\xb0\xb2\xb3\xb7\xba\xbb\xbf]")


def decode(data: bytes) -> str:
    """Decode bytes in any common encoding; a byte-order mark is dropped.

    Raises: LoadError when the bytes are no text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return data[len(mark) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise LoadError(f"has a {encoding} mark but is not {encoding}: byte {error.start} does not fit") from error
    try:
        text = data.decode("utf-8")
        if "\0" not in text:
            return text
    except UnicodeDecodeError:
        pass
    return _guess(data)


def _guess(data: bytes) -> str:
    half = _utf16_without_mark(data)
    if half is not None:
        return half
    if b"\0" in data:
        raise LoadError("is no text file: it holds zero bytes")
    western = _decode_western(data)
    if western is not None:
        return western
    from charset_normalizer import from_bytes

    best = from_bytes(data).best()
    if best is None:
        raise LoadError("is no text in an encoding that could be recognised. Save it as UTF-8")
    return data.decode(best.encoding)


def _utf16_without_mark(data: bytes) -> str | None:
    """Text in UTF-16 without a mark shows as zero bytes at every other place."""
    if len(data) < 4 or len(data) % 2:
        return None
    for encoding, zeros in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        if zeros.count(0) > 0.6 * len(zeros):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                return None
            is_text = sum(c.isprintable() or c.isspace() for c in text) > 0.95 * len(text)
            return text if is_text and "\0" not in text else None
    return None


def _decode_western(data: bytes) -> str | None:
    """Windows-1252 (a superset of Latin-1 in print) if the bytes above ASCII look like its accented letters.

    A statistical guess over a short file takes such text for Cyrillic or Baltic; here one test is enough: the accented
    bytes stand inside or at the edge of words of ASCII letters, as they do in western languages.
    """
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    high = [byte for byte in data if byte >= 0x80]
    letters = sum(65 <= byte <= 90 or 97 <= byte <= 122 for byte in data)
    fits = len(_WESTERN_HINT.findall(data))
    return text if letters > 4 * len(high) and fits >= 0.9 * len(high) else None


def load_text(data: bytes) -> Loaded:
    """Plain text: no structure is assumed but paragraphs; a short first line is the title."""
    text = decode(data)
    first = text.lstrip().split("\n", 1)[0].strip()
    return Loaded(text=text, title=first if 0 < len(first) <= 200 and not first.endswith((".", ",", ";", ":")) else "")


def load_markdown(data: bytes) -> Loaded:
    """Markdown: `#` and underlined headings outside code fences; front matter stays in the text."""
    text = decode(data)
    fences = [match.span() for match in _FENCE.finditer(text)]
    headings = []
    for match in _ATX.finditer(text):
        headings.append(Heading(len(match.group(1)), match.start(), match.end()))
    for match in _SETEXT.finditer(text):
        headings.append(Heading(1 if match.group(2).startswith("=") else 2, match.start(1), match.end(1)))
    headings = [h for h in headings if not any(start <= h.start < end for start, end in fences)]
    headings.sort(key=lambda heading: heading.start)
    return Loaded(text=text, headings=headings)
