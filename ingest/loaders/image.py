"""Images of text: PNG, JPEG, TIFF with its pages, WebP and BMP, read by text recognition (`ocr`)."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ingest.errors import LoadError
from ingest.loaders import Loaded, ocr
from ingest.loaders.builder import Builder
from ingest.loaders.layout import read_page

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP")
_MAX_PIXELS = 150_000_000  # of one page as it is unpacked: 450 MB
_READ_PIXELS = 12_000_000  # a sheet of A4 at 300 dpi has nine millions; more is scaled down
_MAX_PAGES = 2_000
_SOFTWARE_DATE = 306  # Source: TIFF 6.0, tag DateTime


def load(data: bytes) -> Loaded:
    """Read the text of an image.

    Raises: LoadError when it cannot be unpacked, is too large, or text recognition is not installed.
    """
    import io

    import PIL.Image

    if not ocr.is_installed():
        raise LoadError(f"is an image: {ocr.REMEDY}")
    builder = Builder()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its size, which is judged here
            picture = PIL.Image.open(io.BytesIO(data), formats=_FORMATS)
            n_pages = int(getattr(picture, "n_frames", 1)) if picture.format == "TIFF" else 1
            date = str(picture.getexif().get(_SOFTWARE_DATE, ""))
            for index in range(min(n_pages, _MAX_PAGES)):
                picture.seek(index)
                text = read_page(ocr.read_image(_pixels(picture)))
                if n_pages > 1:
                    builder.page()
                for line in text.split("\n"):
                    builder.line(line) if line else builder.gap()
    except (PIL.UnidentifiedImageError, PIL.Image.DecompressionBombError) as error:
        raise LoadError(f"is no image that can be read: {error}. Save it anew as PNG") from error
    if n_pages > _MAX_PAGES:
        builder.warnings.append(f"only the first {_MAX_PAGES:,} of its {n_pages:,} pages were read: split it")
    return builder.finish(metadata={"ocr": "true", "created": _iso(date)})


def _pixels(picture: "Image") -> ocr.Pixels:
    """The page upright in colour, transparent parts white, (height, width, 3)."""
    import PIL.Image
    import PIL.ImageOps

    width, height = picture.size
    if width * height > _MAX_PIXELS:
        raise LoadError(f"has {width:,} x {height:,} pixels, more than the {_MAX_PIXELS:,} that are read. Scale it down")
    if picture.mode.startswith("I;16"):  # else everything above the lowest byte is white
        picture = PIL.Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    page: Image = PIL.ImageOps.exif_transpose(picture)
    if page.mode in ("LA", "PA", "RGBA") or "transparency" in page.info:
        page = page.convert("RGBA")
        page = PIL.Image.alpha_composite(PIL.Image.new("RGBA", page.size, "white"), page)
    page = page.convert("RGB")
    scale = (_READ_PIXELS / (page.width * page.height)) ** 0.5
    if scale < 1:
        page = page.resize((max(1, round(page.width * scale)), max(1, round(page.height * scale))), PIL.Image.Resampling.BOX)
    return np.asarray(page)


def _iso(date: str) -> str:
    """ISO 8601 of a date as cameras and scanners write it, `2026:03:04 10:20:30`."""
    day, _, time = date.strip().partition(" ")
    return f"{day.replace(':', '-')}T{time}" if day.count(":") == 2 and time else ""
