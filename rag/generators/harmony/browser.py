"""The browser tool that gpt-oss was trained with, over our documents: search, open, find.

Whatever the model writes gets an answer in text: a display, or what is wrong with the call. It reaches what the question itself
could have found, and nothing else.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from rag.answers import Passage
from rag.generators.harmony.displays import Display, Displays
from rag.generators.harmony.pages import (
    Opened,
    Page,
    cited,
    document_page,
    find_page,
    result_lines,
    results_page,
    url_of,
)
from rag.retriever import Library

_VIEW_TOKENS = 1024  # the window of the reference tool
_LINES_BEFORE = 4  # that a page opened at a result shows before it
_HEAD_TOKENS = 60
TOOLS = ("browser.search", "browser.open", "browser.find")


class _Refused(Exception):
    """A call that cannot be done; its text is told to the model."""


class Browser:
    """One draft's session: every display that is shown gets the next cursor."""

    def __init__(self, library: Library | None, count: Callable[[str], int]) -> None:
        """Without a library nothing can be searched or opened; `count` gives the tokens of a text."""
        self.displays = Displays()
        self._library = library
        self._count = count
        self._pages: dict[str, Page] = {}

    @property
    def found(self) -> tuple[Passage, ...]:
        """Every passage that was shown: results of searches, and the shown parts of documents that were opened."""
        opened = [d for d in self.displays.displays if d.page.document is not None]
        parts = [part for d in opened for part in cited(d.page.lines[d.first : d.last + 1])]
        return tuple({passage.chunk: passage for passage in (*self.displays.passages, *parts)}.values())

    def results(self, query: str, passages: Sequence[Passage], max_tokens: int) -> tuple[str, int]:
        """Display results of a search, as many whole passages as fit, best first; returns the text and their number."""
        used, n = _HEAD_TOKENS + self._count(query), 0
        for passage in passages:
            used += self._count("\n".join(f"L{999}: {line.text}" for line in result_lines(n, passage)))
            if used > max_tokens:
                break
            n += 1
        page = results_page(query, passages[:n])
        return self.displays.show(Display(page, 0, len(page.lines) - 1)), n

    def call(self, name: str, arguments: str, max_tokens: int) -> str:
        """Do what the model asks for; returns what it is shown, at most about `max_tokens` of it."""
        tool = name if name.startswith("browser.") else f"browser.{name}"
        try:
            if tool not in TOOLS:
                raise _Refused(f"Unknown tool `{name}`. The tools are {', '.join(TOOLS)}.")
            given = _arguments(arguments)
            if tool == "browser.search":
                return self._search(given, max_tokens)
            return self._open(given, max_tokens) if tool == "browser.open" else self._find(given, max_tokens)
        except _Refused as refusal:
            return str(refusal)

    def _search(self, given: dict[str, Any], max_tokens: int) -> str:
        query = given.get("query")
        if not isinstance(query, str) or not query.strip():
            raise _Refused("`query` must be words to search for.")
        passages = self._library.search(query[:1000]) if self._library else []
        if not passages:
            raise _Refused(f"No results for `{query[:200]}`.")
        text, n = self.results(query, passages, max_tokens)
        if not n:
            self.displays.displays.pop()
            raise _Refused("There is no room for more results. Answer from what is displayed.")
        return text

    def _open(self, given: dict[str, Any], max_tokens: int) -> str:
        target, loc = given.get("id", -1), _number(given, "loc")
        if isinstance(target, str) and not target.lstrip("-").isdigit():
            page, first = self._document(target), 0
        elif int(target) >= 0:
            page, first = self._followed(int(target), self._page(given))
        else:
            page, first = self._page(given), 0
        first = loc if loc >= 0 else first
        if first >= len(page.lines):
            raise _Refused(f"Invalid location parameter: `{first}`. Cannot exceed page maximum of {len(page.lines) - 1}.")
        wanted = _number(given, "num_lines")
        return self._window(page, first, max_tokens, wanted if wanted > 0 else len(page.lines))

    def _find(self, given: dict[str, Any], max_tokens: int) -> str:
        pattern = given.get("pattern")
        if not isinstance(pattern, str) or not pattern.strip():
            raise _Refused("`pattern` must be the words to find.")
        page = self._page(given)
        if page.document is None:
            raise _Refused("Cannot run `find` on search results page or find results page.")
        return self._window(find_page(pattern.strip()[:200], page), 0, max_tokens, len(page.lines))

    def _followed(self, link: int, page: Page) -> tuple[Page, int]:
        """The document behind a link, and the line to begin with."""
        if link >= len(page.links):
            raise _Refused(f"Invalid link id `{link}`.")
        source, position = page.links[link]
        name = source.document if isinstance(source, Passage) else source.name
        opened = self._document(name)
        at = next((n for n, line in enumerate(opened.lines) if line.source and line.end > position), 0)
        return opened, max(0, at - _LINES_BEFORE)

    def _document(self, address: str) -> Page:
        name = address.removeprefix(url_of(""))
        if name not in self._pages:
            stored = self._library.document(name) if self._library else None
            if stored is None:
                raise _Refused(f"Error fetching URL `{address[:200]}`: there is no such document.")
            self._pages[name] = document_page(Opened(stored[0], stored[1].loaders_version))
        return self._pages[name]

    def _page(self, given: dict[str, Any]) -> Page:
        shown = self.displays.displays
        cursor = _number(given, "cursor")
        if not shown:
            raise _Refused("No pages to access!")
        if cursor >= len(shown):
            raise _Refused(f"Cursor `{cursor}` is out of range. Available cursor indices: [0 - {len(shown) - 1}].")
        return shown[cursor].page if cursor >= 0 else shown[-1].page

    def _window(self, page: Page, first: int, max_tokens: int, n_lines: int) -> str:
        """Display a page from a line on, as far as the window and the room in the prompt reach."""
        room, last = min(_VIEW_TOKENS, max_tokens) - _HEAD_TOKENS, first
        for number in range(first, min(first + n_lines, len(page.lines))):
            room -= self._count(f"L{number}: {page.lines[number].text}\n")
            if room < 0 and number > first:
                break
            last = number
        return self.displays.show(Display(page, first, last))


def _arguments(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise _Refused(f"The arguments are not valid JSON: {error}.") from error
    if not isinstance(given, dict):
        raise _Refused("The arguments must be a JSON object.")
    for name in ("id", "cursor", "loc", "num_lines"):
        if isinstance(given.get(name), bool | float | list | dict):
            raise _Refused(f"`{name}` must be a whole number.")
    return given


def _number(given: dict[str, Any], name: str) -> int:
    """A whole number among the arguments; -1, the trained default, where there is none."""
    value = given.get(name)
    if value is None:
        return -1
    try:
        return int(value)
    except ValueError as error:
        raise _Refused(f"`{name}` must be a whole number.") from error
