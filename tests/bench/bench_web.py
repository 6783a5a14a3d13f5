"""Measure the assistant in a browser: first load, a click on a citation, and a long list of conversations.

    python tests/bench/bench_web.py --out data/results/web.json [--n 10]

`rag serve` over the sample folder, with the default embedder, generator and checker; times are those of the browser, from the
action until what it asks for can be seen.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from rag.access.conversations import Conversations  # noqa: E402
from rag.access.database import Database  # noqa: E402
from rag.access.principals import LOCAL  # noqa: E402
from tests.tools.served import browser, served  # noqa: E402

N_CONVERSATIONS, N_TURNS = 200, 50
TEXT = "How many unused leave days may I carry over?"
PDF = "What does the Corvo 300 weigh with its battery pack?"
# Resolves to the milliseconds from an act until a condition holds, seen once a frame.
_UNTIL = """([act, seen]) => new Promise((resolve) => {
  const isSeen = new Function(`return ${seen}`), began = act ? performance.now() : 0;
  if (act) new Function(act)();
  const look = () => isSeen() ? resolve(performance.now() - began) : requestAnimationFrame(look);
  look();
})"""
_READY = "document.getElementById('shell')?.hidden === false && document.activeElement.id === 'question'"
_CLICK = "document.querySelector('.text .chip').click()"
_CLOSE = "document.querySelector('#source header .tools > :last-child').click()"
_LINKS = "document.querySelectorAll('#conversations a')"
_FEET = "document.querySelectorAll('.turn .foot').length"
_MARK = """(() => { const b = document.querySelector('#source .body'); if (!b) return false;
  const i = b.querySelector('img'), m = b.querySelector('mark'); if (i) return i.complete && i.naturalWidth > 0;
  if (!m) return false; const r = m.getBoundingClientRect(), a = b.getBoundingClientRect();
  return r.top >= a.top && r.bottom <= a.bottom; })()"""


def main() -> int:
    """Measure, print, and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=10, help="measurements of each time")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "n": options.n}
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as server, browser() as chromium:
        # The policy against scripts of others holds for measuring ones too; it is the one thing that is not as for a user.
        page = chromium.new_context(bypass_csp=True, locale="en-GB").new_page()
        page.set_default_timeout(60_000)
        results |= first_load(page, server.url, options.n)
        results |= {"citation_text_ms": citation(page, server.url, TEXT, options.n)}
        results |= {"citation_pdf_page_ms": citation(page, server.url, PDF, options.n)}
        results |= conversations(page, server.url, server.state, options.n)
    results["load_of_machine"] = [round(value, 1) for value in os.getloadavg()]
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))
    return 0


def first_load(page: Any, url: str, n: int) -> dict[str, Any]:
    """Bytes of everything that the page needs, and the time until a question can be typed; nothing is cached."""
    replies: list[Any] = []

    def note(reply: Any) -> None:
        replies.append(reply)

    page.on("response", note)
    page.goto(url, wait_until="networkidle")
    page.remove_listener("response", note)
    sizes = [len(reply.body()) for reply in replies if reply.ok]
    times = []
    for _ in range(n):
        page.goto("about:blank")
        page.context.clear_cookies()
        page.goto(url, wait_until="commit")
        times.append(page.evaluate(_UNTIL, ["", _READY]))
    return {"first_load_bytes": sum(sizes), "first_load_requests": len(sizes), "interactive_ms": _summary(times)}


def citation(page: Any, url: str, question: str, n: int) -> dict[str, Any]:
    """From the click on the number of a citation until its words are in view, highlighted."""
    page.goto(url)
    page.locator("#question").fill(question)
    page.press("#question", "Enter")
    page.locator(".turn .text .chip").first.wait_for()
    page.locator(".turn .foot").wait_for()
    times = []
    for _ in range(n):
        times.append(page.evaluate(_UNTIL, [_CLICK, _MARK]))
        page.evaluate(f"() => {{ {_CLOSE} }}")
    shown = page.locator(".turn .sources .name").first.inner_text()
    return {"source": shown, **_summary(times)}


def conversations(page: Any, url: str, state: Path, n: int) -> dict[str, Any]:
    """Time to list and to search very many conversations, and to open one of them."""
    book = Conversations(Database.of(state))
    _, exchanges = book.find(LOCAL, book.listed(LOCAL)[0][0].id) or (None, [])
    answer = exchanges[0].answer
    began = time.perf_counter()
    for number in range(N_CONVERSATIONS):
        identity = book.begin(LOCAL, f"Conversation {number}").id
        for turn in range(N_TURNS):
            book.add(LOCAL, identity, f"Question {turn} of conversation c{number}?", answer)
    print(f"{N_CONVERSATIONS} conversations written in {time.perf_counter() - began:.0f} s", file=sys.stderr)
    page.goto("about:blank")
    page.goto(url, wait_until="commit")
    listed = page.evaluate(_UNTIL, ["", f"{_LINKS}.length >= {N_CONVERSATIONS}"])
    found, opened = [], []
    for number in range(0, N_CONVERSATIONS, N_CONVERSATIONS // n):
        type_in = f"const f = document.getElementById('find'); f.value = 'c{number}?'; f.dispatchEvent(new Event('input'))"
        one = f"{_LINKS}.length === 1 && {_LINKS}[0].title === 'Conversation {number}'"
        found.append(page.evaluate(_UNTIL, [type_in, one]))
        whole = f"{_FEET} === {N_TURNS} && document.querySelector('.question').textContent.includes('c{number}?')"
        opened.append(page.evaluate(_UNTIL, [f"{_LINKS}[0].click()", whole]))
    return {
        "conversations": N_CONVERSATIONS,
        "turns_each": N_TURNS,
        "load_with_all_listed_ms": round(listed, 1),
        "search_ms": _summary(found),
        "open_ms": _summary(opened),
    }


def _summary(times: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(times), 1), "max": round(max(times), 1)}


if __name__ == "__main__":
    sys.exit(main())
