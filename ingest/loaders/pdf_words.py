"""The words of a PDF page with their places as a reader sees the page, and which of them a reader does not see.

PDFium tells the letters and draws the page. What leaves no trace in the drawing is hidden: white on white, of no size, off
the page, covered, clipped away. So is text without ink (render modes 3 and 7, or fully transparent) over anything but an image:
over a scan it is the layer that text recognition left. Text in the colour of what lies around it is hidden too where other ink
crosses it.
"""

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingest.loaders.layout import Word

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

_FILL_AND_STROKE = 2  # render mode: bold by hand
_BOLD = re.compile(
    r"bold|black|heavy|demi|[-,]bd\b|[-,]medi(?!um)"
    r"|(?:^|\+)(?:cmbx|cmb\d|cmssbx|sfbx|sfsx|sfrb|ecbx|ecsx|ecrb)",  # TeX's own
    re.IGNORECASE,
)
_SLANTED = re.compile(r"[-,]\w*(?:ital|obli)", re.IGNORECASE)
_PLAIN = re.compile(
    r"regular|roman|book|light|thin|medium|arial|helvetica|times|courier|calibri|(?:^|\+)(?:cm|sf|ec)[a-z]+\d",
    re.IGNORECASE,
)
_BOLD_WEIGHT = 700  # where the name tells nothing: PDFium makes it of the strokes' width
_NO_INK = (3, 7)  # render modes. Source: ISO 32000-2, table 104
_MIN_CONTRAST = 10  # of 255, in the channel that differs most; the faintest grey that a screen shows as a shade
_MIN_SHARE_ON_PAGE = 0.3
_MAX_PIXELS_A_SIDE = 2000
_WORD_GAP = 0.4  # in heights; PDFium leaves out the blank between some cells of tables
_MIN_SHARE_OF_HEIGHT = 0.2
_UNREADABLE_HEIGHT = 1.2  # points, of a line of letters one point high: what is no higher is not meant to be read
_MAX_OBJECTS = 20_000
_LINE_END_HYPHENS = "\x02\ufffe"  # what PDFium makes of a hyphen that a line ends with
_CUT = "\u00ad"
_NOTHING = "\u200b\u200c\u200d\u2060\ufeff"


class _Style(NamedTuple):
    """How a letter is painted: mode, colour (red, green, blue, alpha; None for a pattern), whether it is bold or slanted."""

    mode: int
    colour: tuple[int, int, int, int] | None
    is_bold: bool = False


@dataclass(frozen=True)
class Placed:
    """A word in points of the page as it is shown, `turn` quarters clockwise from upright, with the style of its letters."""

    word: Word
    turn: int
    style: _Style


Box = tuple[float, float, float, float]  # left, top, right, bottom in points of the page as it is shown


class Surface:
    """A page as it is shown: `width` and `height` in points, and the way there from the coordinates of its content."""

    def __init__(self, page: "PdfPage") -> None:
        import pypdfium2.raw as pdfium

        self.page = page
        self.width, self.height = page.get_size()
        x, y = ctypes.c_int(), ctypes.c_int()
        grain = 1_000_000  # positions come as whole numbers

        def shown(a: float, b: float) -> tuple[float, float]:
            pdfium.FPDF_PageToDevice(page, 0, 0, grain, grain, 0, a, b, x, y)
            return x.value / grain * self.width, y.value / grain * self.height

        left, bottom, right, top = page.get_bbox()
        origin, along, up = shown(left, bottom), shown(right, bottom), shown(left, top)
        self._from = (left, bottom)
        self._origin = origin
        wide, high = (right - left) or 1.0, (top - bottom) or 1.0
        self._x = ((along[0] - origin[0]) / wide, (along[1] - origin[1]) / wide)
        self._y = ((up[0] - origin[0]) / high, (up[1] - origin[1]) / high)

    def box(self, left: float, bottom: float, right: float, top: float) -> Box:
        """A rectangle of the content where it is shown."""
        (xa, ya), (xb, yb) = self._point(left, bottom), self._point(right, top)
        return min(xa, xb), min(ya, yb), max(xa, xb), max(ya, yb)

    def turn(self, a: float, b: float) -> int:
        """Quarters clockwise by which a direction of the content is shown turned from left to right."""
        x, y = a * self._x[0] + b * self._y[0], a * self._x[1] + b * self._y[1]
        if abs(x) >= abs(y):
            return 0 if x >= 0 else 2
        return 1 if y > 0 else 3

    def _point(self, x: float, y: float) -> tuple[float, float]:
        dx, dy = x - self._from[0], y - self._from[1]
        return self._origin[0] + dx * self._x[0] + dy * self._y[0], self._origin[1] + dx * self._x[1] + dy * self._y[1]

    def draw(self) -> tuple[NDArray[np.uint8], float]:
        """The page in colour, (height, width, 3), about a pixel a point, and its pixels a point."""
        scale = min(1.0, _MAX_PIXELS_A_SIDE / max(self.width, self.height, 1.0))
        bitmap = self.page.render(scale=scale, may_draw_forms=False)
        pixels: NDArray[np.uint8] = bitmap.to_numpy()[:, :, :3].copy()
        bitmap.close()
        return pixels, scale

    def images(self) -> list[Box]:
        """Where images are shown."""
        import pypdfium2.raw as pdfium

        found = []
        for count, item in enumerate(self.page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4)):
            if count == _MAX_OBJECTS:
                break
            found.append(self.box(*item.get_bounds()))
        return found


def read_words(surface: Surface) -> list[Placed]:
    """All words of a page in the order of its content, hidden ones included."""
    textpage = surface.page.get_textpage()
    try:
        return list(_words(surface, textpage.raw))
    finally:
        textpage.close()


def _words(surface: Surface, textpage: Any) -> Iterator[Placed]:
    import pypdfium2.raw as pdfium

    matrix = pdfium.FS_MATRIX()
    for run in _runs(textpage):
        left, top, right, bottom = surface.box(*run.edges)
        pdfium.FPDFText_GetMatrix(textpage, run.first, matrix)
        word = Word("".join(run.letters), left, top, right, bottom, run.joins)
        yield Placed(word, surface.turn(matrix.a, matrix.b), run.style)


@dataclass
class _Run:
    """Letters of one style without a blank between them; `edges`: left, bottom, right, top in the content."""

    first: int
    letters: list[str]
    edges: tuple[float, float, float, float]
    style: _Style
    joins: bool


def _runs(textpage: Any) -> Iterator[_Run]:
    """Runs of letters, ended by a blank, by a gap on one height, and where the style changes or letters shrink out of sight."""
    import pypdfium2.raw as pdfium

    unicode_of, box_of, box = pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetLooseCharBox, pdfium.FS_RECTF()
    styles: dict[int, _Style] = {}
    fonts: dict[int, bool] = {}
    run: _Run | None = None
    for index in range(pdfium.FPDFText_CountChars(textpage)):
        code = unicode_of(textpage, index)
        letter = chr(code) if 32 <= code < 127 else _letter(textpage, index, code)
        if not letter or letter.isspace():
            if run is not None and letter:
                yield run
                run = None
            continue
        box_of(textpage, index, box)
        left, bottom, right, top = box.left, box.bottom, box.right, box.top
        style = _style(pdfium.FPDFText_GetTextObject(textpage, index), styles, fonts)
        joins = False
        if run is not None:
            low, high = run.edges[1], run.edges[3]
            is_apart = bottom < high and top > low and left - run.edges[2] > _WORD_GAP * (top - bottom)
            joins = not is_apart and (style != run.style or top - bottom < _MIN_SHARE_OF_HEIGHT * (high - low))
            if is_apart or joins:
                yield run
                run = None
        if run is None:
            run = _Run(index, [letter], (left, bottom, right, top), style, joins)
        else:
            known = run.edges
            run.edges = (min(known[0], left), min(known[1], bottom), max(known[2], right), max(known[3], top))
            run.letters.append(letter)
        if letter == _CUT:  # PDFium goes on in the next line as if it were the same word
            yield run
            run = None
    if run is not None:
        yield run


def _letter(textpage: Any, index: int, code: int) -> str:
    """Character of a code: U+FFFD where the font does not tell, a soft hyphen where a word is cut at the end of a line."""
    import pypdfium2.raw as pdfium

    letter = chr(code) if 0 < code < 0x110000 else "\ufffd"
    if letter in _LINE_END_HYPHENS and pdfium.FPDFText_IsHyphen(textpage, index) == 1:
        return _CUT
    if letter < " " and not letter.isspace():
        return "\ufffd"
    return "" if letter in _NOTHING else letter


def _style(item: Any, styles: dict[int, _Style], fonts: dict[int, bool]) -> _Style:
    """Style of a text object; `styles` and `fonts` remember those of the page."""
    import pypdfium2.raw as pdfium

    if not item:
        return _Style(0, None)
    address = ctypes.addressof(item.contents)
    if address not in styles:
        parts = [ctypes.c_uint() for _ in range(4)]
        is_known = pdfium.FPDFPageObj_GetFillColor(item, *parts)
        red, green, blue, alpha = (part.value for part in parts)
        colour = (red, green, blue, alpha) if is_known else None
        mode = pdfium.FPDFTextObj_GetTextRenderMode(item)
        styles[address] = _Style(mode, colour, mode == _FILL_AND_STROKE or _is_bold(item, fonts))
    return styles[address]


def _is_bold(item: Any, fonts: dict[int, bool]) -> bool:
    """Whether a text object's font is bold or slanted by its name, or bold by weight; `fonts` remembers those of the page."""
    import pypdfium2.raw as pdfium

    font = pdfium.FPDFTextObj_GetFont(item)
    if not font:
        return False
    address = ctypes.addressof(font.contents)
    if address not in fonts:
        size = pdfium.FPDFFont_GetBaseFontName(font, None, 0)
        name = ctypes.create_string_buffer(max(size, 1))
        pdfium.FPDFFont_GetBaseFontName(font, name, size)
        told = _is_bold_by_name(name.value.decode("utf-8", "replace"))
        fonts[address] = pdfium.FPDFFont_GetWeight(font) >= _BOLD_WEIGHT if told is None else told
    return fonts[address]


def _is_bold_by_name(name: str) -> bool | None:
    """None where the name of a font does not tell. A slanted one sets a line off as a bold one does."""
    if _BOLD.search(name) or _SLANTED.search(name):
        return True
    return False if _PLAIN.search(name) else None


def seen(surface: Surface, words: list[Placed]) -> tuple[list[Placed], bool]:
    """The words that a reader of the page sees, and whether any of them is a layer of recognised text over an image."""
    if not words:
        return [], False
    pixels, scale = surface.draw()
    inked = _inked(words, pixels, scale)
    has_inkless = any(_is_inkless(placed) for placed in words)
    images = surface.images() if has_inkless else []
    kept, is_layer = [], False
    for placed, has_ink in zip(words, inked, strict=True):
        if not has_ink or _is_tiny(placed):
            continue
        if _is_inkless(placed):
            if not any(_is_inside(placed.word, image) for image in images):
                continue
            is_layer = True
        kept.append(placed)
    return kept, is_layer


def _is_inkless(placed: Placed) -> bool:
    """True for a word that paints nothing itself. Signs are left aside: check boxes are drawn under a transparent sign."""
    mode, colour, _ = placed.style
    is_clear = mode == 0 and colour is not None and colour[3] == 0
    return (mode in _NO_INK or is_clear) and any(map(str.isalnum, placed.word.text))


def _is_tiny(placed: Placed) -> bool:
    word = placed.word
    height = word.right - word.left if placed.turn % 2 else word.bottom - word.top
    return height <= _UNREADABLE_HEIGHT and any(map(str.isalnum, word.text))


def _is_inside(word: Word, box: Box) -> bool:
    return box[0] <= (word.left + word.right) / 2 <= box[2] and box[1] <= (word.top + word.bottom) / 2 <= box[3]


def _inked(words: list[Placed], pixels: NDArray[np.uint8], scale: float) -> list[bool]:
    """For each word, whether the drawing shows anything in its box that is not what lies around, in the word's own colour."""
    high, wide = pixels.shape[:2]
    boxes = np.array([(p.word.left, p.word.top, p.word.right, p.word.bottom) for p in words]) * scale
    boxes = np.nan_to_num(boxes, posinf=1e9, neginf=-1e9)
    area = np.maximum((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]), 1e-9)
    left, right = np.clip(boxes[:, 0], 0, wide).astype(int), np.clip(boxes[:, 2] + 1, 0, wide).astype(int)
    top, bottom = np.clip(boxes[:, 1], 0, high).astype(int), np.clip(boxes[:, 3] + 1, 0, high).astype(int)
    is_shown = (right > left) & (bottom > top) & ((right - left) * (bottom - top) >= _MIN_SHARE_ON_PAGE * area)
    # Number of steps from one pixel to the next in each box, by four look-ups in sums over the page.
    n_steps = _sums(_steps(pixels, 1), left, top, right - 1, bottom) + _sums(_steps(pixels, 0), left, top, right, bottom - 1)
    inked: list[bool] = list(is_shown & (n_steps > 0))
    for index in np.flatnonzero(inked):
        part = pixels[top[index] : bottom[index], left[index] : right[index]]
        inked[index] = not _is_as_around(words[index].style, part)
    return inked


def _steps(pixels: NDArray[np.uint8], axis: int) -> NDArray[np.bool_]:
    """Where one pixel differs visibly from the next along an axis."""
    one, next_one = (pixels[:, :-1], pixels[:, 1:]) if axis else (pixels[:-1], pixels[1:])
    differs = np.maximum(one, next_one) - np.minimum(one, next_one) >= _MIN_CONTRAST
    steps: NDArray[np.bool_] = differs[:, :, 0] | differs[:, :, 1] | differs[:, :, 2]
    return steps


def _sums(steps: NDArray[np.bool_], left: Any, top: Any, right: Any, bottom: Any) -> NDArray[np.int32]:
    """Sums over boxes `[left, right) x [top, bottom)`, each (n,)."""
    table = np.zeros((steps.shape[0] + 1, steps.shape[1] + 1), dtype=np.int32)
    np.cumsum(steps, axis=0, out=table[1:, 1:])
    np.cumsum(table, axis=1, out=table)
    high, wide = steps.shape
    left, top = np.minimum(left, wide), np.minimum(top, high)
    right, bottom = np.clip(right, left, wide), np.clip(bottom, top, high)
    sums: NDArray[np.int32] = table[bottom, right] - table[top, right] - table[bottom, left] + table[top, left]
    return sums


def _is_as_around(style: _Style, part: NDArray[np.uint8]) -> bool:
    """True where all four edges of a word's box have the word's own colour: a rule below it has that colour on one."""
    if style.mode != 0 or style.colour is None or style.colour[3] < 255:
        return False
    blue_first = np.array(style.colour[2::-1])
    if np.abs(part[0, 0].astype(int) - blue_first).max() >= _MIN_CONTRAST:
        return False
    edges = (part[0], part[-1], part[:, 0], part[:, -1])
    return all(np.abs(np.median(edge, axis=0) - blue_first).max() < _MIN_CONTRAST for edge in edges)
