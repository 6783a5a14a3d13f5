"""What a reader sees of an element of an HTML page, from the declarations that hold for it. It knows no selectors.

Hidden is what is not displayed, not visible, fully transparent, of no size, drawn far off the page, clipped away, or in the
colour that lies behind it; without a stated colour the page is white and its letters black. Where a picture lies behind,
or a colour that cannot be told, the letters count as seen.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from PIL import ImageColor

_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))(px|pt|pc|in|cm|mm|r?em|ex|ch|%)?")
_PIXELS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8, "mm": 3.78}
_WORDS = dict(zip("xx-small x-small small medium large x-large xx-large".split(), (9, 10, 13, 16, 18, 24, 32), strict=True))
_FONT_SIZE = re.compile(r"(?:^|\s)((?:\d+\.?\d*|\.\d+)(?:px|pt|pc|r?em|ex|%)|0)(?=[\s/]|$)")
_FUNCTION = re.compile(r"([\w-]+)\(([^()]*)\)")
_RGB = re.compile(r"rgba?\(\s*([\d.]+%?)[\s,]+([\d.]+%?)[\s,]+([\d.]+%?)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)")
_PICTURE = re.compile(r"url\(|gradient\(|image\(|image-set\(|element\(")
_COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|(?:rgb|hsl)a?\([^()]*\)|[a-z]+")

_TAKING = frozenset(
    """visibility opacity clip clip-path position left top margin-left margin-top transform scale text-indent height width
    max-height max-width overflow-x overflow-y""".split()
)
_HARMLESS = frozenset("visible 1 100% auto none normal static 0 0px initial unset revert".split())

UNREADABLE_PIXELS = 2.0  # letters of this height or less
_FAR_PIXELS = -900.0
_NEARLY = 8  # of 255: letters that differ less from what lies behind them cannot be told from it
_FAINT = 0.04  # share of a colour that leaves nothing to be seen

Colour = tuple[float, float, float]
Declarations = dict[str, str]


@dataclass(frozen=True)
class Look:
    """What an element hands on to what is in it. `letters` and `behind` are None where they cannot be told."""

    letters: Colour | None = (0.0, 0.0, 0.0)
    behind: Colour | None = (255.0, 255.0, 255.0)
    opacity: float = 1.0  # of the letters' colour
    pixels: float = 16.0
    is_visible: bool = True
    is_far: bool = False
    has_shadow: bool = False

    def is_seen(self) -> bool:
        """Whether text with this look is there for a reader."""
        if not self.is_visible or self.is_far or self.pixels <= UNREADABLE_PIXELS:
            return False
        if self.has_shadow:
            return True
        if self.opacity <= _FAINT:
            return False
        if self.letters is None or self.behind is None:
            return True
        letters = _mixed(self.letters, self.opacity, self.behind)
        return max(abs(one - other) for one, other in zip(letters, self.behind, strict=True)) > _NEARLY


def hides(name: str, value: str) -> bool:
    """Whether a declaration may take something away from a reader, alone or with others."""
    if name == "font-size":
        return _font_pixels(value, 16.0) <= UNREADABLE_PIXELS
    if name == "display":
        return value == "none"
    return not (name in ("min-height", "padding", "padding-top", "padding-bottom") or (name in _TAKING and value in _HARMLESS))


def is_gone(declared: Declarations, look: Look, animations: Collection[str], *, is_box: bool, is_cell: bool) -> bool:
    """Whether an element is taken away with everything in it; `look` is its own.

    `is_box`: it has a width and a height, which words inside of a line have not; cells of tables grow with their text.
    """
    display, position = declared.get("display", ""), declared.get("position", "")
    if display == "none" or declared.get("content-visibility") == "hidden":
        return True
    moves = bool(
        set(re.split(r"[\s,]+", f"{declared.get('animation', '')} {declared.get('animation-name', '')}")) & set(animations)
    )
    opacity = _share(declared.get("opacity", "1"))
    if opacity is not None and opacity <= _FAINT and not moves:
        return True
    lifted = position in ("absolute", "fixed")
    if lifted and _is_clipped(declared.get("clip", "")):
        return True
    if _is_clipped(declared.get("clip-path", "")):
        return True
    if (lifted or position == "relative") and any(_is_far(declared.get(side, ""), look.pixels) for side in ("left", "top")):
        return True
    is_box = (
        lifted
        or display not in ("", "inline", "contents")
        or declared.get("float", "none") != "none"
        or (is_box and not display)
    )
    if not is_box:
        return False
    if any(_is_far(declared.get(name, ""), look.pixels) for name in ("margin-left", "margin-top")):
        return True
    if not moves and _is_moved_away(f"{declared.get('transform', '')} scale({declared.get('scale', '1')})", look.pixels):
        return True
    return not is_cell and _has_no_room(declared, look.pixels)


def seen_through(declared: Declarations, outer: Look, *, is_box: bool, lies_on_picture: bool) -> Look:
    """The look of an element inside of one that has the look `outer`."""
    behind = _behind(declared, outer)
    letters, opacity = outer.letters, outer.opacity
    value = declared.get("color", "")
    if value not in ("", "inherit", "unset", "currentcolor"):
        colour = _colour(value) if value not in ("initial", "revert") else (0.0, 0.0, 0.0, 1.0)
        letters, opacity = (None, 1.0) if colour is None else (colour[:3], colour[3])
    if "text" in (declared.get("background-clip"), declared.get("-webkit-background-clip")):
        letters, opacity = None, 1.0  # the letters are cut out of the background
    visibility = declared.get("visibility", "inherit")
    indent = declared.get("text-indent", "inherit")
    pixels = _font_pixels(declared.get("font-size", ""), outer.pixels)
    look = Look(letters, behind, opacity, pixels, outer.is_visible, outer.is_far, outer.has_shadow)
    if visibility in ("visible", "hidden", "collapse", "initial"):
        look = replace(look, is_visible=visibility in ("visible", "initial"))
    if is_box and indent != "inherit":
        look = replace(look, is_far=_is_far(indent, pixels))
    if "text-shadow" in declared and declared["text-shadow"] != "inherit":
        look = replace(look, has_shadow=_shadow_is_seen(declared["text-shadow"], behind))
    if lies_on_picture and declared.get("position") in ("absolute", "fixed"):
        look = replace(look, behind=behind if behind != outer.behind else None)
    return look


def _behind(declared: Declarations, outer: Look) -> Colour | None:
    """The colour behind an element, None for a picture or a colour that cannot be told."""
    image, value = declared.get("background-image", "none"), declared.get("background-color", "")
    if _PICTURE.search(image) or "var(" in image:
        return None
    value = " ".join(value.replace("none", "").split())
    if value in ("", "transparent", "inherit", "initial", "unset", "revert"):
        return outer.behind
    colours = [found for word in _COLOUR.findall(value) if (found := _colour(word)) is not None]
    if len(colours) != 1:
        return None if not colours and re.search(r"[\w-]+\(", value) else outer.behind
    colour, opacity = colours[0][:3], colours[0][3]
    if opacity >= 1 - _FAINT:
        return colour
    return _mixed(colour, opacity, outer.behind) if outer.behind is not None else None


def _mixed(upper: Colour, opacity: float, lower: Colour) -> Colour:
    mixed = [opacity * one + (1 - opacity) * other for one, other in zip(upper, lower, strict=True)]
    return mixed[0], mixed[1], mixed[2]


@lru_cache(maxsize=512)
def _colour(value: str) -> tuple[float, float, float, float] | None:
    """Red, green, blue up to 255 and opacity up to 1; None for what is no colour that can be told."""
    if value == "transparent":
        return 0.0, 0.0, 0.0, 0.0
    if match := _RGB.fullmatch(value):
        red, green, blue = (float(part.rstrip("%")) * (2.55 if part.endswith("%") else 1) for part in match.groups()[:3])
        return min(red, 255), min(green, 255), min(blue, 255), _share(match[4] or "1") or 0.0
    if match := re.fullmatch(r"hsla?\(\s*([\d.]+)(?:deg)?[\s,]+([\d.]+%)[\s,]+([\d.]+%)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)", value):
        found = _named(f"hsl({match[1]},{match[2]},{match[3]})")
        return (*found[:3], _share(match[4] or "1") or 0.0) if found else None
    return _named(value)


def _named(value: str) -> tuple[float, float, float, float] | None:
    try:
        red, green, blue, *opacity = ImageColor.getrgb(value)
    except ValueError:
        return None
    return float(red), float(green), float(blue), opacity[0] / 255 if opacity else 1.0


def _share(value: str) -> float | None:
    match = _NUMBER.fullmatch(value)
    return None if not match else float(match[1]) / (100 if match[2] == "%" else 1)


def _length(value: str, em: float) -> float | None:
    """Pixels of a length; None for one that cannot be told, shares of the room there is among them."""
    match = _NUMBER.fullmatch(value)
    if not match or match[2] == "%":
        return None
    unit = match[2] or ""
    return float(match[1]) * {**_PIXELS, "em": em, "rem": 16.0, "ex": em / 2, "ch": em / 2}[unit]


def _font_pixels(value: str, outer: float) -> float:
    if match := _FONT_SIZE.search(value):
        value = match[1]
    if value.endswith("%"):
        share = _share(value)
        return outer * share if share is not None else outer
    if value in ("", "inherit", "unset", "smaller", "larger"):
        return outer
    pixels = _length(value, outer)
    if pixels is not None:
        return max(0.0, pixels)
    return float(next((size for word, size in _WORDS.items() if word in value.split()), 16))


def _is_far(value: str, em: float) -> bool:
    pixels = _length(value, em)
    return pixels is not None and pixels <= _FAR_PIXELS


def _is_clipped(value: str) -> bool:
    """True for a shape that leaves a pixel at most."""
    match = _FUNCTION.match(value)
    if not match:
        return False
    kind, sizes = (
        match[1],
        [_NUMBER.fullmatch(size) for size in re.split(r"[\s,]+", match[2].split(" round ")[0].split(" at ")[0].strip())],
    )
    numbers = [float(size[1]) for size in sizes if size]
    if len(numbers) != len(sizes):
        return False
    if kind == "rect" and len(numbers) == 4:
        top, right, bottom, left = numbers
        return right - left <= 1 or bottom - top <= 1
    if kind == "inset":
        top, right, bottom, left = (numbers * 4)[:4] if len(numbers) < 3 else (numbers + numbers[1:2])[:4]
        is_share = all(size and size[2] == "%" for size in sizes)
        return is_share and (top + bottom >= 99 or left + right >= 99)
    return kind in ("circle", "ellipse") and 0 in numbers


def _is_moved_away(transform: str, em: float) -> bool:
    """True for what is scaled to nothing or moved far off the page."""
    for kind, inside in _FUNCTION.findall(transform):
        sizes = [size for size in re.split(r"[\s,]+", inside.strip()) if size]
        shares = [share for size in sizes if (share := _share(size)) is not None]
        if kind.startswith("scale") and any(0 <= share <= _FAINT for share in shares):
            return True
        if kind.startswith("translate") and any(_is_far(size, em) for size in sizes):
            return True
    return False


def _has_no_room(declared: Declarations, em: float) -> bool:
    """True for a box of a pixel at most that cuts off what does not fit."""
    for side, axis, kept in (("height", "y", ("padding", "padding-top", "padding-bottom")), ("width", "x", ("padding",))):
        sizes = [_length(declared.get(name, ""), em) for name in (side, f"max-{side}")]
        if not any(size is not None and size <= 1 for size in sizes):
            continue
        is_cut = declared.get(f"overflow-{axis}", "").split(" ")[0] in ("hidden", "clip")
        room = [declared[name] for name in (*kept, f"min-{side}") if name in declared]
        if is_cut and not any(
            "%" in value or max(filter(None, (_length(v, em) for v in value.split())), default=0) > 4 for value in room
        ):
            return True
    return False


def _shadow_is_seen(value: str, behind: Colour | None) -> bool:
    """A shadow shows letters that have the colour of what is behind them, unless it has that colour itself."""
    colours = [colour for word in _COLOUR.findall(value) if (colour := _colour(word)) is not None]
    return value not in ("none", "initial", "unset") and not any(
        colour[3] <= _FAINT or (behind is not None and max(abs(a - b) for a, b in zip(colour, behind, strict=False)) <= _NEARLY)
        for colour in colours
    )
