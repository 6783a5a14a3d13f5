"""What was displayed to the model while it wrote one draft, and what a citation of it means.

A marker `【cursor†L4-L7】` resolves through the lines that were on that display, and no others, to exact words of a document.
`【cursor†title】` is enough for a document that was opened, but not for a page of search results: that would name no place.
`[n]` names the n-th passage that was shown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rag.answers import Passage
from rag.citations import LineMarkers
from rag.generators.harmony.pages import Page, cited

_PLACE = re.compile(r"(\d{1,4})†(?:L(\d{1,6})(?:\s*[-–]\s*L?(\d{1,6}))?|[^†]*)")
MARKER = re.compile(r"【([^【】\n]{1,80})】")
_ANY_MARKER = re.compile(MARKER.pattern + r"|\[(\d{1,3})\]")


@dataclass(frozen=True)
class Display:
    """Lines `first` to `last` of a page, as they were shown."""

    page: Page
    first: int
    last: int

    def text(self, cursor: int) -> str:
        """The display as the model reads it."""
        page = self.page
        head = f"[{cursor}] {page.title}" + (f" ({page.url})" if page.url else "")
        window = f"**viewing lines [{self.first} - {self.last}] of {len(page.lines) - 1}**"
        lines = (f"L{number}: {page.lines[number].text}".rstrip() for number in range(self.first, self.last + 1))
        return "\n".join((head, window, "", *lines))


class Displays(LineMarkers, Mapping[str, tuple[Passage, ...]]):
    """The displays in order, their number being the cursor; as a mapping, what each marker names.

    `passages` are those that were shown, each once. Iterating gives the numbers of passages only: markers of lines are as many
    as there are pairs of lines.
    """

    def __init__(self) -> None:
        self.displays: list[Display] = []
        self.passages: list[Passage] = []

    def show(self, display: Display) -> str:
        """Add a display; returns its text."""
        self.displays.append(display)
        known = {passage.chunk for passage in self.passages}
        for line in display.page.lines[display.first : display.last + 1]:
            if isinstance(line.source, Passage) and line.source.chunk not in known:
                known.add(line.source.chunk)
                self.passages.append(line.source)
        return display.text(len(self.displays) - 1)

    def __getitem__(self, marker: str) -> tuple[Passage, ...]:
        """The words that a marker names.

        Raises: KeyError when it names nothing that was shown.
        """
        if marker.isascii() and marker.isdigit() and 1 <= int(marker) <= len(self.passages):
            return (self.passages[int(marker) - 1],)
        found = self._places(marker)
        if not found:
            raise KeyError(marker)
        return found

    def __iter__(self) -> Iterator[str]:
        return (str(number) for number in range(1, len(self.passages) + 1))

    def __len__(self) -> int:
        return len(self.passages)

    def n_invalid(self, text: str) -> int:
        """How many markers of a text name nothing that was shown."""
        named = (marker[1] or marker[2] for marker in _ANY_MARKER.finditer(text))
        return sum(1 for name in named if name.strip() not in self)

    def _places(self, marker: str) -> tuple[Passage, ...]:
        match = _PLACE.fullmatch(marker.strip())
        if match is None or int(match[1]) >= len(self.displays):
            return ()
        display = self.displays[int(match[1])]
        if match[2] is None:
            if display.page.document is None:
                return ()
            first, last = display.first, display.last
        else:
            first, last = int(match[2]), int(match[3] or match[2])
        if not display.first <= first <= last <= display.last:
            return ()
        return cited(display.page.lines[first : last + 1])
