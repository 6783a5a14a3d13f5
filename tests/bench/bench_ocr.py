"""Character error rate of text recognition on scans made here: English and Spanish, three resolutions, tilt and noise.

    python tests/bench/bench_ocr.py --out FILE [--pages 1]

Pages are set from the sample folder in 11 points, blurred, with noise and uneven light as a scanner leaves them, tilted by one
or two degrees, and stored as JPEG. Error rate: edits (Levenshtein) between the words read and the words set, blanks and line
ends counting as one blank, by the number of characters set. Rules and leaders of dots or dashes are left aside on both sides.
"""

import argparse
import io
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import reportlab
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ingest.loaders import load_file, ocr
from ingest.loaders.layout import read_page

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"
TEXTS = {
    "en": ("products/calibration-guide.txt", "support/battery-safety.txt"),
    "es": ("es/politicas/gastos-de-viaje.txt", "es/seguridad/normas-almacen.txt"),
}
FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
WIDTH, HEIGHT, MARGIN, POINTS = 8.27, 11.69, 0.9, 11  # inches; size of the letters


def scan(text: str, dpi: int, tilt: float, seed: int) -> tuple[np.ndarray, str]:
    """A page as a scanner gives it, and the words that stand on it."""
    page = Image.new("L", (round(WIDTH * dpi), round(HEIGHT * dpi)), 250)
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(str(FONT), round(POINTS * dpi / 72))
    pitch, most = round(POINTS * dpi / 72 * 1.35), (WIDTH - 2 * MARGIN) * dpi
    y, written = MARGIN * dpi, []
    for paragraph in text.split("\n"):
        line = ""
        for word in [*paragraph.split(), None]:
            longer = f"{line} {word}".strip() if word else ""
            if word and font.getlength(longer) <= most:
                line = longer
                continue
            if y + pitch < (HEIGHT - MARGIN) * dpi and line:
                pen.text((MARGIN * dpi, y), line, fill=25, font=font)
                written.append(line)
                y += pitch
            line = word or ""
        y += pitch / 2
    page = page.rotate(tilt, Image.Resampling.BICUBIC, expand=True, fillcolor=250).filter(ImageFilter.GaussianBlur(dpi / 400))
    chance = np.random.default_rng(seed)
    light = np.linspace(0, 25, page.width)[None, :]
    noisy = np.asarray(page, dtype=float) - light + chance.normal(0, 10, (page.height, page.width))
    buffer = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=70)
    return np.asarray(Image.open(buffer).convert("RGB")), bare(" ".join(written))


def bare(text: str) -> str:
    """Words apart by one blank, without rules and leaders."""
    return " ".join(re.sub(r"[.=_-]{3,}(?: ?[.=_-])*", " ", text).split())


def edits(one: str, other: str) -> int:
    """Levenshtein distance."""
    codes = np.array([ord(letter) for letter in other])
    steps = np.arange(len(other) + 1)
    row = steps
    for number, letter in enumerate(one, start=1):
        least = np.minimum(row[1:] + 1, row[:-1] + (codes != ord(letter)))
        row = np.minimum.accumulate(np.concatenate(([number], least)) - steps) + steps
    return int(row[-1])


def main() -> int:
    """Read every page and write the rates."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pages", type=int, default=1, help="texts of each language")
    options = parser.parse_args()
    rows = []
    for language, names in TEXTS.items():
        for dpi in (150, 200, 300):
            for tilt in (0.0, 1.0, -2.0):
                wrong = total = accents = found = 0
                seconds = 0.0
                for seed, name in enumerate(names[: options.pages]):
                    page, truth = scan(load_file(SAMPLE / name, name).text, dpi, tilt, seed)
                    started = time.perf_counter()
                    read = bare(read_page(ocr.read_image(page)).replace(" | ", " "))
                    seconds += time.perf_counter() - started
                    wrong, total = wrong + edits(read, truth), total + len(truth)
                    special = [letter for letter in truth if letter in "áéíóúüñÁÉÍÓÚÑ¿¡"]
                    accents += len(special)
                    found += sum(min(read.count(letter), truth.count(letter)) for letter in set(special))
                rows.append(
                    {
                        "language": language,
                        "dpi": dpi,
                        "tilt": tilt,
                        "characters": total,
                        "error_rate": round(100 * wrong / total, 2),
                        "accents_found": round(100 * found / accents, 1) if accents else None,
                        "s_a_page": round(seconds / options.pages, 1),
                    }
                )
                print(rows[-1], flush=True)
    result = {"model": "PP-OCRv6 small, of the package rapidocr", "rows": rows}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
