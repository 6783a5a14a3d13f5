"""Colours of office files, and whether letters in one can be seen on another.

A colour that the file does not tell is None, and letters on it count as seen: visible text is never lost for want of knowledge.
"""

import colorsys
import re
from typing import TYPE_CHECKING

from ingest.loaders.package import tag_of

if TYPE_CHECKING:
    from lxml.etree import _Element

Colour = tuple[int, int, int]  # red, green, blue, each 0 to 255

BLACK: Colour = (0, 0, 0)
WHITE: Colour = (255, 255, 255)
# Of 255, in the channel that differs most: F2F2F2 on white is a shade to who looks for it, letters in it nobody reads.
_MIN_CONTRAST = 16
_WRITTEN = re.compile(r"#?(?:[0-9a-fA-F]{2})?([0-9a-fA-F]{6})")


def read_colour(written: str) -> Colour | None:
    """Colour written as `RRGGBB`, with `#` or opacity before it; None for words such as `auto` and `transparent`."""
    match = _WRITTEN.fullmatch(written.strip())
    if match is None:
        return None
    digits = match[1]
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def can_be_seen(letters: Colour | None, behind: Colour | None) -> bool:
    """Whether a reader sees letters of one colour on another."""
    if letters is None or behind is None:
        return True
    return max(abs(one - other) for one, other in zip(letters, behind, strict=True)) >= _MIN_CONTRAST


def relit(colour: Colour, factor: float, more: float) -> Colour:
    """The colour with its lightness, 0 to 1, times `factor` plus `more`: how office programs derive shades from a theme."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in colour))
    lightness = min(1.0, max(0.0, lightness * factor + more))
    red, green, blue = (round(part * 255) for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return red, green, blue


def theme_colours(theme: "_Element | None") -> dict[str, Colour | None]:
    """Colours of the theme of an OOXML file by their names: `dk1`, `lt1`, `dk2`, `lt2`, `accent1`, ..., in this order."""
    if theme is None:
        return {}
    return {
        tag_of(entry): read_colour(colour.get("lastClr") or colour.get("val", ""))
        for entry in theme.iterfind("{*}themeElements/{*}clrScheme/*")
        for colour in entry
    }
