"""PDFium with our lines beside pypdf in layout mode, in turns over the same pages of the filings in two public sets.

    python tests/bench/bench_pdf.py --bench DIR --out FILE [--every 20]

words found: share of the words of the quotes that answer questions, on the pages that the sets name for them. garbled: share of
characters that stand for no letter. rows: of the figures that share a height with a label, by the boxes of PDFium, the share of
those that stand in one line with it. Memory is the highest that a process of its own needed for the largest file. Hidden
characters and running lines are counted over the same pages.
"""

import argparse
import json
import logging
import re
import subprocess
import sys
import time
import unicodedata
from collections import defaultdict
from pathlib import Path

from ingest.loaders import pdf
from ingest.loaders.layout import _rows
from ingest.loaders.pdf_lines import without_running_lines
from ingest.loaders.pdf_words import Surface, read_words, seen

SETS = ("financebench", "kgrag_sec10q")
MAX_ELEMENTS = 1_000_000  # of an array; pypdf stops at a tenth by default, at which two of the filings fail
FIGURE = re.compile(r"\(?\d{1,3}(?:,\d{3})+\)?|\d+\.\d+")


def read_pypdf(page) -> str:
    """Text of a page in the layout of its content, cells apart by bars."""
    return re.sub(r"[ \t]{3,}", " | ", page.extract_text(extraction_mode="layout"))


def read_pdfium(page) -> str:
    """Text of a page as the loader reads it."""
    surface = Surface(page)
    shown, _ = seen(surface, read_words(surface))
    return pdf._clean(pdf._in_lines(shown))


def opened(file: Path):
    """The file in both readers."""
    import pypdf
    import pypdfium2

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    return {"pypdf": pypdf.PdfReader(file).pages, "pdfium": pypdfium2.PdfDocument(file)}


def rows_of(page) -> list[tuple[str, str]]:
    """Pairs (first word of the label, figure) that share a height."""
    pairs = []
    words = [placed.word for placed in read_words(Surface(page)) if placed.turn == 0]
    for row in _rows(words):
        label = next((word.text for word in row if len(word.text) > 2 and word.text.isalpha()), "")
        figures = [word.text for word in row if FIGURE.fullmatch(word.text)]
        if label and len(figures) >= 2:
            pairs += [(label, figure) for figure in figures]
    return pairs


def words_of(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def gold_words(folder: Path) -> dict[tuple[str, int], set[str]]:
    """Words of the quotes by document and page, where the set names pages."""
    found: dict[tuple[str, int], set[str]] = defaultdict(set)
    for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines():
        for gold in json.loads(line)["gold"]:
            if gold.get("page") and gold.get("quote"):
                found[gold["document"], gold["page"]] |= words_of(gold["quote"])
    return found


def measure(files: list[Path], gold: dict[tuple[str, int], set[str]], every: int) -> dict:
    """Sums over the pages, by reader."""
    sums: dict[str, dict[str, float]] = {name: defaultdict(float) for name in ("pypdf", "pdfium")}
    others: dict[str, float] = defaultdict(float)
    for file in files:
        readers = opened(file)
        n_pages = len(readers["pdfium"])
        wanted = {page - 1 for name, page in gold if name == file.name} | set(range(0, n_pages, every))
        texts = []
        for index in sorted(page for page in wanted if page < n_pages):
            pairs = rows_of(readers["pdfium"][index])
            quoted = gold.get((file.name, index + 1), set())
            others["pages"] += 1
            for name, read in (("pypdf", read_pypdf), ("pdfium", read_pdfium)):
                started = time.perf_counter()
                try:
                    text = read(readers[name][index])
                except Exception as error:  # noqa: BLE001  # whatever a reader raises is its result
                    text = ""
                    sums[name]["failed"] += 1
                    print(f"{name} {file.name} {index + 1}: {error!r}"[:200], file=sys.stderr)
                sums[name]["seconds"] += time.perf_counter() - started
                add(sums[name], text, pairs, quoted)
            surface = Surface(readers["pdfium"][index])
            words = read_words(surface)
            others["hidden"] += sum(map(text_length, words)) - sum(map(text_length, seen(surface, words)[0]))
            texts.append(text)
        others["lines"] += sum(text.count("\n") + 1 for text in texts)
        others["running"] += without_running_lines(texts)[1]
    return {"readers": sums, "others": others}


def text_length(placed) -> int:
    return len(placed.word.text)


def add(sums: dict[str, float], text: str, pairs: list[tuple[str, str]], quoted: set[str]) -> None:
    """Add what one reader made of one page."""
    letters = [letter for letter in text if not letter.isspace()]
    sums["letters"] += len(letters)
    sums["garbled"] += sum(unicodedata.category(letter) in ("Co", "Cn", "Cc") or letter == "\ufffd" for letter in letters)
    lines = [words_of(line) | set(line.split()) for line in text.split("\n")]
    sums["figures"] += len(pairs)
    sums["in rows"] += sum(any(label in line and figure in line for line in lines) for label, figure in pairs)
    sums["gold"] += len(quoted)
    sums["found"] += len(quoted & words_of(text))


def peak_memory(name: str, file: Path) -> int:
    """Megabytes that a process takes that reads every page of a file."""
    command = [sys.executable, __file__, "--read", name, "--bench", str(file), "--out", "-"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> int:
    """Measure and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=int, default=20, help="pages of quotes and every so many-th page are read")
    parser.add_argument("--read", choices=("pypdf", "pdfium"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    import pypdf

    limits = {"array_maximum_element_count": MAX_ELEMENTS, "dictionary_maximum_element_count": MAX_ELEMENTS}
    with pypdf.apply_configuration(**limits):
        if options.read:
            pages = opened(options.bench)[options.read]
            for index in range(len(pages)):
                (read_pypdf if options.read == "pypdf" else read_pdfium)(pages[index])
            status = Path("/proc/self/status").read_text(encoding="utf-8")
            print(int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024)  # ru_maxrss counts the parent process too
            return 0
        files = sorted(file for name in SETS for file in (options.bench / name / "corpus").glob("*.pdf"))
        gold = {key: words for name in SETS for key, words in gold_words(options.bench / name).items()}
        sums = measure(files, gold, options.every)
    n_pages = sums["others"]["pages"]
    largest = max(files, key=lambda file: file.stat().st_size)
    result = {
        "n_files": len(files),
        "n_pages": int(n_pages),
        "readers": {
            name: {
                "words_found": round(100 * one["found"] / one["gold"], 2),
                "garbled": round(100 * one["garbled"] / one["letters"], 4),
                "rows_readable": round(100 * one["in rows"] / one["figures"], 2),
                "n_failed": int(one["failed"]),
                "ms_a_page": round(1000 * one["seconds"] / n_pages, 1),
                "peak_mb": peak_memory(name, largest),
            }
            for name, one in sums["readers"].items()
        },
        "n_gold_words": int(sums["readers"]["pdfium"]["gold"]),
        "n_figures": int(sums["readers"]["pdfium"]["figures"]),
        "n_hidden_characters": int(sums["others"]["hidden"]),
        "running_lines": round(100 * sums["others"]["running"] / sums["others"]["lines"], 2),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
