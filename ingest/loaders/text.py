"""Plain text and Markdown: the document's text is the decoded file, so that offsets are offsets into the user's own file.

Only a byte-order mark is dropped, and what a reader does not see is blanks of equal length. Newlines stay as they are.
"""

import codecs
import re

from ingest.documents import Heading, Table
from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.front_matter import front_matter

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ATX = re.compile(r"^(#{1,6})[ \t]+(\S[^\r\n]*)", re.MULTILINE)
_SETEXT = re.compile(r"^(?![ \t>*|#-])(\S[^\r\n]*)\r?\n(=+|-{3,})[ \t]*(?=\r?\n|\Z)", re.MULTILINE)
_TABLE = re.compile(
    r"^([^\r\n|]*\|[^\r\n]*)\r?\n(?=[^\r\n]*\|)(?=[^\r\n]*-)[ \t|:-]+\r?\n((?:(?![ \t]*\r?$)[^\n]+(?:\n|\Z))+)", re.MULTILINE
)
_FENCE = re.compile(r"^(```+|~~~+)[^\n]*\n.*?(?:^\1[ \t]*\r?$|\Z)", re.MULTILINE | re.DOTALL)
_ASCII_PAIR = re.compile(rb"[ -~][ -~]")
_LIVING = re.compile(
    r"[\t\n\r -~\u00a0-\u017f\u0370-\u06ff\u2010-\u203a\u20ac\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7af\uff01-\uff9f]"
)
_SAMPLE_BYTES = 8192
_ISO_2022 = ("\x1b$B", "\x1b$@", "\x1b(J")
# Encodings that legacy files really have, in place of all that Python knows: a guess among few is right more often.
_LEGACY = """cp1250 iso8859_2 cp1251 koi8_r koi8_u iso8859_5 cp866 mac_cyrillic cp1253 iso8859_7 cp1254 cp1255 cp1256 cp932
    euc_jp gb18030 big5 cp949 cp850 cp437 mac_roman cp1252 cp874 cp1258""".split()
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
            return _iso_2022(text) or text
    except UnicodeDecodeError:
        pass
    return _guess(data)


def _iso_2022(text: str) -> str:
    """Japanese that switches alphabets by escape characters, all bytes ASCII; empty if it is none."""
    if not any(escape in text for escape in _ISO_2022):
        return ""
    try:
        return text.encode("ascii").decode("iso2022_jp")
    except UnicodeError:
        return ""


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

    best = from_bytes(data, cp_isolation=_LEGACY).best()
    if best is None:
        raise LoadError("is no text in an encoding that could be recognised. Save it as UTF-8")
    return data.decode(best.encoding)


def _utf16_without_mark(data: bytes) -> str | None:
    """Text in UTF-16 without a mark: read in the right order, nearly all of it lies in the blocks of living scripts.

    Its line ends and digits hold zero bytes. Such bytes strewn into one-byte text would pass as Chinese; there most pairs of
    bytes are two ASCII characters.
    """
    sample = data[:_SAMPLE_BYTES]
    if b"\0" not in data or len(data) % 2 or len(_ASCII_PAIR.findall(sample)) > 0.3 * len(sample):
        return None
    read = {encoding: sample.decode(encoding, "replace") for encoding in ("utf-16-le", "utf-16-be")}
    fits = {encoding: len(_LIVING.findall(text)) / len(text) for encoding, text in read.items()}
    encoding = max(fits, key=fits.__getitem__)
    if fits[encoding] < 0.9:
        return None
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text if "\0" not in text else None


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
    from ingest.loaders.unseen import without_shapeless

    text, n_hidden = without_shapeless(decode(data))
    first = text.lstrip().split("\n", 1)[0].strip()
    title = first if 0 < len(first) <= 200 and not first.endswith((".", ",", ";", ":")) else ""
    return Loaded(text=text, title=title, n_hidden=n_hidden)


def load_markdown(data: bytes) -> Loaded:
    """Markdown: `#` and underlined headings outside code fences; front matter stays in the text and tells title and author."""
    from ingest.loaders.unseen import without_unseen  # it reads HTML, which decodes by this module

    text, n_hidden = without_unseen(decode(data))
    front = front_matter(text)
    fences = [(0, front.end), *(match.span() for match in _FENCE.finditer(text))]
    headings = []
    for match in _ATX.finditer(text):
        headings.append(Heading(len(match.group(1)), match.start(), match.end()))
    for match in _SETEXT.finditer(text):
        headings.append(Heading(1 if match.group(2).startswith("=") else 2, match.start(1), match.end(1)))
    headings = [h for h in headings if not any(start <= h.start < end for start, end in fences)]
    headings.sort(key=lambda heading: heading.start)
    tables = [Table(found.start(), found.end(1), found.end()) for found in _TABLE.finditer(text)]
    tables = [table for table in tables if not any(start <= table.start < end for start, end in fences)]
    about = dict(front.about)
    return Loaded(text=text, title=about.pop("title", ""), headings=headings, tables=tables, metadata=about, n_hidden=n_hidden)
