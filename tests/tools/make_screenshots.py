"""Picture the main views of the assistant over the sample folder.

    python tests/tools/make_screenshots.py [--out data/screenshots]

An answer beside its source, the same on a telephone in the dark, and the documents. Each file stays under 150 kB.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.tools.served import browser, served  # noqa: E402

QUESTION = "How many unused leave days may I carry over?"
_MAX_BYTES = 150_000


def main() -> int:
    """Write the pictures; 1 if one is too large."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "screenshots")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server, browser() as chromium:
        page = chromium.new_page(viewport={"width": 1200, "height": 620}, locale="en-GB")
        _answer(page, server.url)
        page.screenshot(path=out / "answer.png")
        page.goto(f"{server.url}/#/documents")
        page.locator("#documents li").first.wait_for()
        page.screenshot(path=out / "documents.png")
        phone = chromium.new_context(viewport={"width": 390, "height": 760}, color_scheme="dark", locale="en-GB").new_page()
        _answer(phone, server.url, is_source_open=False)
        phone.screenshot(path=out / "phone.png")
    sizes = {file.name: file.stat().st_size for file in sorted(out.glob("*.png"))}
    print(sizes)
    return int(any(size > _MAX_BYTES for size in sizes.values()))


def _answer(page: Any, url: str, *, is_source_open: bool = True) -> None:
    page.goto(url)
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    page.locator(".turn .foot").wait_for(timeout=60_000)
    if is_source_open:
        page.locator(".text .chip").first.click()
        page.locator("#source mark, #source img").wait_for()
        page.wait_for_timeout(500)  # until a picture is drawn


if __name__ == "__main__":
    sys.exit(main())
