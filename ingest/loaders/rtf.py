"""RTF: paragraphs, headings, list items and tables as lines.

Left out and counted: hidden and deleted text, text of no size, and letters in the colour of what is behind them.

Source of the control words: Rich Text Format Specification 1.9.1. A parser of its own, because what can be installed gives
neither headings nor hidden text.
"""

import codecs
import re
from dataclasses import dataclass, replace

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.colours import WHITE, Colour, can_be_seen
from ingest.loaders.long_tables import TableRow, write_inner_table

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<symbol>[^a-zA-Z])"
    r"|(?P<brace>[{}])|[\r\n]+|(?P<text>[^\\{}\r\n]+)",
    re.DOTALL,
)
# Groups whose content is no text of the document.
_UNREAD = frozenset(
    """fonttbl stylesheet info pict object objdata header headerl headerr headerf footer footerl footerr footerf
    annotation atnauthor atnid fldinst themedata colorschememapping datastore latentstyles listtable listoverridetable rsidtbl
    generator xmlnstbl mmathpr pgdsctbl bkmkstart bkmkend nonshppict listtext pntext pntxta pntxtb revtbl filetbl""".split()
)
_CHARACTERS = {
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "tab": " ", "line": " ", "emspace": " ", "enspace": " ", "page": " ", "sect": " ",
}  # fmt: skip
_SYMBOLS = {"~": " ", "_": "-", "-": "", "\\": "\\", "{": "{", "}": "}"}
# Source: the specification, table of \fcharset.
_CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
_UNREADABLE_SIZE = 2  # half points
_MARKED = ("highlight", "chcbpat", "cb")  # what colours the place of the letters alone
_PATTERNS = ("chshdng", "shading", "clshdng")  # shares of a second colour: what comes of it is not worked out

Behind = tuple[Colour | None, ...]  # empty where nothing is said, (None,) for a colour that cannot be told


@dataclass(frozen=True)
class _State:
    """What a group inherits and gives back at its end."""

    target: str = "body"
    is_hidden: bool = False
    is_deleted: bool = False
    size: int = 24
    letters: Colour | None = None  # None is automatic: what can be seen
    marked: Behind = ()
    shaded: Behind = ()  # the paragraph
    encoding: str = ""
    skip: int = 1  # characters that stand in for a Unicode one


def load(data: bytes) -> Loaded:
    """Read an RTF file.

    Raises: LoadError when it is no RTF.
    """
    if not data.lstrip().startswith(b"{\\rtf"):
        raise LoadError("is no RTF: it does not begin as one. Give it the suffix of what it is, or save it anew")
    return _Parser().parse(data.decode("latin-1"))


class _Parser:
    def __init__(self) -> None:
        self._builder = Builder()
        self._state = _State()
        self._stack: list[_State] = []
        self._default = "cp1252"
        self._fonts: dict[int, str] = {}
        self._font = 0
        self._heading_styles: dict[int, int] = {}
        self._style = 0
        self._bytes = bytearray()
        self._line: list[str] = []
        self._notes: list[str] = []
        self._cells: list[str] = []
        self._collected: dict[str, list[str]] = {}
        self._level = 0
        self._is_item = False
        self._in_table = False
        self._to_skip = 0
        self._colours: list[Colour | None] = []
        self._mixed: dict[str, int] = {}  # the entry of the table of colours that is being read
        self._cell_fills: list[Behind] = []  # of the row that was announced last
        self._cell_fill: Behind = ()
        self._page: Behind = (WHITE,)
        self._rows: list[TableRow] = []
        self._has_header = False

    def parse(self, text: str) -> Loaded:
        """Read all tokens in one pass."""
        position = 0
        while match := _TOKEN.search(text, position):
            position = match.end()
            if match["word"] == "bin":  # raw bytes follow that are no tokens
                position += max(0, int(match["number"] or 0))
            elif match["word"]:
                self._flush()
                self._word(match["word"], int(match["number"]) if match["number"] else None)
            elif match["brace"]:
                self._flush()
                self._brace(match["brace"])
            elif match["hex"]:
                self._raw(bytes.fromhex(match["hex"]))
            elif match["text"]:
                self._raw(match["text"].encode("latin-1"))
            elif match["symbol"]:
                self._flush()
                self._symbol(match["symbol"])
        self._flush()
        self._end_paragraph()
        self._end_table()
        info = {name: " ".join("".join(parts).split()) for name, parts in self._collected.items()}
        title = info.get("title", "")
        return self._builder.finish(title=title, metadata={"author": info.get("author", "")})

    def _brace(self, brace: str) -> None:
        self._to_skip = 0
        if brace == "{":
            self._stack.append(self._state)
        elif self._stack:
            if self._state.target == "style":
                self._end_style()
            self._state = self._stack.pop()

    def _symbol(self, symbol: str) -> None:
        if symbol == "*":
            self._state = replace(self._state, target="maybe")  # what follows is skipped unless it is known
        elif symbol in "\r\n":
            self._end_paragraph()
        elif self._to_skip:
            self._to_skip -= 1
        else:
            self._put(_SYMBOLS.get(symbol, ""))

    def _word(self, word: str, number: int | None) -> None:
        state = self._state
        if state.target == "maybe" and word != "footnote":
            if word == "background":
                self._page = (None,)
            self._state = replace(state, target="unread")
            return
        if word == "u" and number is not None:
            self._put(chr(number % 0x10000))
            self._to_skip = state.skip
        elif word in _CHARACTERS:
            self._put(_CHARACTERS[word])
        elif word in ("title", "author") and state.target == "info":
            self._state = replace(state, target=word)
        elif word == "footnote":
            self._state = replace(state, target="footnote")
        elif word == "colortbl" or state.target == "colortbl":
            self._state = replace(state, target="colortbl")
            self._mixed |= {word: number or 0} if word in ("red", "green", "blue") else {}
        elif word in _UNREAD:
            if word in ("listtext", "pntext") and state.target == "body":
                self._is_item = True
            self._state = replace(state, target=word if word in ("fonttbl", "stylesheet", "info") else "unread")
        elif word in ("ansicpg", "mac", "pc", "pca"):
            self._default = _codec({"mac": "mac_roman", "pc": "cp437", "pca": "cp850"}.get(word, f"cp{number}"))
        elif word == "uc":
            self._state = replace(state, skip=max(0, number or 0))
        elif word == "fcharset" and state.target == "fonttbl":
            self._fonts[self._font] = _codec(_CHARSETS.get(number or 0, "cp1252"))
        elif word == "f":
            self._font = number or 0
            self._state = replace(state, encoding=self._fonts.get(self._font, ""))
        elif word in ("v", "deleted", "fs", "plain", "cf", "chshdng", *_MARKED):
            self._characters(word, number)
        else:
            self._paragraph(word, number)

    def _characters(self, word: str, number: int | None) -> None:
        """Properties of characters."""
        is_on = number != 0
        if word == "v":
            self._state = replace(self._state, is_hidden=is_on)
        elif word == "deleted":
            self._state = replace(self._state, is_deleted=is_on)
        elif word == "fs":
            self._state = replace(self._state, size=number or 0)
        elif word == "cf":
            self._state = replace(self._state, letters=self._colour(number))
        elif word in _MARKED or word in _PATTERNS:
            self._state = replace(self._state, marked=self._fill(word, number, self._state.marked))
        else:
            self._state = replace(self._state, is_hidden=False, is_deleted=False, size=24, letters=None, marked=())

    def _colour(self, number: int | None) -> Colour | None:
        return self._colours[number] if number is not None and 0 <= number < len(self._colours) else None

    def _fill(self, word: str, number: int | None, known: Behind) -> Behind:
        """What is behind after a word for a colour or a pattern; 0 takes nothing away that another word gave."""
        if not number:
            return () if word == "highlight" else known
        return (None,) if word in _PATTERNS else (self._colour(number),)

    def _is_unseen(self) -> bool:
        """True where letters cannot be told from what is behind: mark, paragraph, cell or page, whichever is nearest."""
        state = self._state
        cell: Behind = ()
        if self._in_table:
            place = len(self._cells)
            cell = self._cell_fills[place] if place < len(self._cell_fills) else (None,)
        behind = state.marked or state.shaded or cell or self._page
        return not can_be_seen(state.letters, behind[0])

    def _paragraph(self, word: str, number: int | None) -> None:
        """Properties and ends of paragraphs, cells and rows; styles are announced by the same words."""
        if self._state.target in ("stylesheet", "style"):
            if word == "s":
                self._style = number or 0
                self._state = replace(self._state, target="style")
            elif word == "outlinelevel":
                self._heading_styles[self._style] = (number or 0) + 1
        elif self._state.target != "body":
            return
        elif word == "pard":
            self._level, self._is_item, self._in_table = 0, False, False
            self._state = replace(self._state, shaded=())
        elif word in ("cbpat", "shading"):
            self._state = replace(self._state, shaded=self._fill(word, number, self._state.shaded))
        elif word == "trhdr":
            self._has_header |= not self._rows
        elif word == "trowd":
            self._cell_fills, self._cell_fill = [], ()
        elif word in ("clcbpat", "clshdng"):
            self._cell_fill = self._fill(word, number, self._cell_fill)
        elif word == "cellx":
            self._cell_fills.append(self._cell_fill)
            self._cell_fill = ()
        elif word == "s":
            self._level = self._heading_styles.get(number or 0, 0)
        elif word == "outlinelevel":
            self._level = (number or 0) + 1 if (number or 0) < 9 else 0  # 9 is body text
        elif word == "intbl":
            self._in_table = True
        elif word == "par":
            if self._in_table:
                self._line.append(" ")
            else:
                self._end_paragraph()
        elif word in ("cell", "nestcell"):
            self._cells.append(self._take())
        elif word in ("row", "nestrow"):
            self._end_row()

    def _raw(self, raw: bytes) -> None:
        """Take bytes of text; those that stand in for a Unicode character are dropped."""
        dropped = min(self._to_skip, len(raw))
        self._to_skip -= dropped
        self._bytes += raw[dropped:]

    def _flush(self) -> None:
        if self._bytes:
            self._put(self._bytes.decode(self._state.encoding or self._default, "replace"))
            self._bytes.clear()

    def _put(self, text: str) -> None:
        state = self._state
        if state.target in ("body", "footnote"):
            if state.is_hidden or state.is_deleted or state.size <= _UNREADABLE_SIZE or self._is_unseen():
                self._builder.n_hidden += len(text)
            else:
                (self._line if state.target == "body" else self._notes).append(text)
        elif state.target == "colortbl":
            for _ in range(text.count(";")):
                mixed = [min(255, max(0, self._mixed.get(name, 0))) for name in ("red", "green", "blue")]
                self._colours.append((mixed[0], mixed[1], mixed[2]) if self._mixed else None)
                self._mixed.clear()
        elif state.target in ("title", "author", "style"):
            self._collected.setdefault(state.target, []).append(text)

    def _end_style(self) -> None:
        """A style is a heading by its outline level, or by the name that every word processor gives it."""
        name = "".join(self._collected.pop("style", ())).strip(" ;").casefold()
        if match := re.fullmatch(r"heading ([1-9])", name):
            self._heading_styles[self._style] = int(match[1])

    def _take(self) -> str:
        """The line collected so far, and begin another."""
        text = _joined(self._line)
        self._line.clear()
        return text

    def _end_paragraph(self) -> None:
        text = self._take()
        if text and not self._cells:
            self._end_table()
        if self._cells:  # a table that ends without its last mark
            self._cells.append(text)
            self._end_row()
        elif text and self._level:
            self._builder.heading(self._level, text)
            self._builder.gap()
        elif text:
            if not self._is_item:
                self._builder.gap()
            self._builder.line(f"- {text}" if self._is_item else text)
        self._write_notes()

    def _write_notes(self) -> None:
        """Footnotes stand below the paragraph or row that they belong to."""
        if note := _joined(self._notes):
            self._end_table()
            self._builder.gap()
            self._builder.line(note)
        self._notes.clear()

    def _end_row(self) -> None:
        cells, self._cells = self._cells, []
        if any(cells):
            self._rows.append(TableRow(" | ".join(cells).strip(), cells))
        self._write_notes()

    def _end_table(self) -> None:
        """Write the rows collected so far."""
        if self._rows:
            self._builder.gap()
            write_inner_table(self._rows, self._builder, is_marked=self._has_header)
            self._rows, self._has_header = [], False


def _joined(parts: list[str]) -> str:
    """Parts as one line; halves of characters beyond the first plane, which come one by one, are put together."""
    text = "".join(parts).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return " ".join(text.split())


def _codec(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "cp1252"
