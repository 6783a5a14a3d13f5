"""An answer as running text: its claims in the order in which they were told, each with its citations, then where they stand.

The same steps make a whole answer and a stream, so that both have the same text and the same citations. It knows no shape of
any API.
"""

import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from rag.answers import Answer, Citation, Claim, Policy, location_json
from rag.api.openai.names import Link
from rag.messages import SIGNS, message, place
from rag.outgoing import plain
from rag.pipeline import Event, separator
from rag.tools import is_tool_document

RULE = "\n\n---\n"  # between an answer and the list of its sources
# A picture named in a document would be fetched by whoever shows the text: it is told as words.
_IMAGE = re.compile(r"!(?=\[)")
# Names and headings of documents stay words inside a link.
_MARKUP = re.compile(r"([\[\]\\<])")


@dataclass(frozen=True)
class Cited:
    """A citation of a claim that stands at `[start, end)` of the text; `number` is that of the source in the list."""

    claim: Claim
    citation: Citation
    number: int
    start: int
    end: int
    url: str

    def extras(self) -> dict[str, Any]:
        """What this product knows of a citation beyond OpenAI's fields; positions in the document are `source_`."""
        return {
            "document": self.citation.document,
            "page": self.citation.page,
            "place": location_json(self.citation.location),
            "quote": self.citation.quote,
            "source_start": self.citation.start,
            "source_end": self.citation.end,
            "number": self.number,
            "verdict": self.claim.verdict,
            "score": round(self.citation.score, 4),
        }


@dataclass(frozen=True)
class Piece:
    """The next piece of the text, with the citations of the claim that ends in it; a refusal stands where JSON was wanted."""

    text: str
    cited: tuple[Cited, ...] = ()
    is_refusal: bool = False


@dataclass(frozen=True)
class Told:
    """The end: the answer itself, and whether the text was cut because it was to be no longer."""

    answer: Answer
    is_cut: bool


@dataclass
class Writer:
    """Writes one answer. `with_sources`: number the citations and list them; `max_tokens` as `count` counts them."""

    policy: Policy
    link: Link
    count: Callable[[str], int]
    with_sources: bool = True
    max_tokens: int | None = None
    text: str = ""
    is_cut: bool = False
    _last: str = ""
    _numbers: dict[tuple[str, int, int], int] = field(default_factory=dict)
    _sources: list[Citation] = field(default_factory=list)

    def write(self, events: Generator[Event, None, None]) -> Generator[str | Piece | Told, None, None]:
        """Turn the events of an answer into stages, pieces of the text, and the end."""
        told: Counter[str] = Counter()
        with closing(events):
            for event in events:
                if event[0] == "status":
                    yield event[1]
                elif event[0] == "claim":
                    # An unchecked draft is shown as it is, with whatever stands between its claims: that comes at its end.
                    # JSON is told whole, so that it is JSON.
                    if self.policy != "off" and not event[1].field:
                        told[event[1].text] += 1
                        yield from self._claim(event[1], separator(self._last, event[1].text) if self._last else "")
                else:
                    if not event[1].calls:
                        yield from self._rest(event[1], bool(told)) if event[1].schema is None else self._json(event[1])
                    yield Told(event[1], self.is_cut)

    def _json(self, answer: Answer) -> Iterator[Piece]:
        """The JSON of an answer, whole or not at all, and nothing beside it; words where there is none."""
        if answer.abstained:
            yield self._add(Piece(answer.text, is_refusal=True))
        elif self._fits(answer.text):
            cited = (
                Cited(claim, citation, self._number(citation), claim.start, claim.end, self.link(citation))
                for claim in answer.claims
                for citation in claim.citations
            )
            yield self._add(Piece(answer.text, tuple(cited)))

    def _rest(self, answer: Answer, is_told: bool) -> Iterator[Piece]:
        """What could not be told before the answer was complete, and the list of sources."""
        if not is_told:
            if answer.policy == "off" and not answer.abstained:
                yield self._add(Piece(message("unchecked", answer.language) + "\n\n"))
            position = 0
            for claim in answer.claims:
                yield from self._claim(claim, answer.text[position : claim.start])
                position = claim.end
            rest = _IMAGE.sub(r"!\\", answer.text[position:])
            if rest and self._fits(rest):
                yield self._add(Piece(rest))
        if self.with_sources and (lines := [*self._listed(answer), *_notes(answer)]):
            yield self._add(Piece(RULE + "\n".join(lines)))

    def _claim(self, claim: Claim, gap: str) -> Iterator[Piece]:
        shown = _IMAGE.sub(r"!\\", claim.text)
        if not self._fits(gap + shown):
            return
        self._last = claim.text
        start = len(self.text) + len(gap)
        numbers = {citation: self._number(citation) for citation in claim.citations}
        marks = "".join(f"[{number}]" for number in dict.fromkeys(numbers.values())) if self.with_sources else ""
        sign = "" if claim.verdict == "supported" or self.policy == "off" else f"({SIGNS[claim.verdict]})"
        text = " ".join(filter(None, (gap + shown, marks, sign)))
        cited = (Cited(claim, c, number, start, start + len(shown), self.link(c)) for c, number in numbers.items())
        yield self._add(Piece(text, tuple(cited)))

    def _fits(self, text: str) -> bool:
        """True if the text may be so much longer; once it may not, nothing follows: no claim is cut in two."""
        if self.max_tokens is not None and self.count(self.text + text) > self.max_tokens:
            self.is_cut = True
        return not self.is_cut

    def _add(self, piece: Piece) -> Piece:
        self.text += piece.text
        return piece

    def _number(self, citation: Citation) -> int:
        """The number of a source, the same for the same words."""
        place = (citation.document, citation.start, citation.end)
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers) + 1
            self._sources.append(citation)
        return self._numbers[place]

    def _listed(self, answer: Answer) -> Iterator[str]:
        for number, citation in enumerate(self._sources, start=1):
            yield f"[{number}] {self._linked(citation, answer.language)}"
        against = [citation for claim in answer.claims for citation in claim.contradicted_by]
        if against:
            places = ", ".join(dict.fromkeys(self._linked(citation, answer.language) for citation in against))
            yield f"{message('contradicted_by', answer.language)}: {places}"

    def _linked(self, citation: Citation, language: str) -> str:
        where = place(citation.document, citation.page, language, citation.location)
        title = _MARKUP.sub(r"\\\1", plain(where))
        return title if is_tool_document(citation.document) else f"[{title}]({self.link(citation)})"


def _notes(answer: Answer) -> Iterator[str]:
    """What else the reader is to know: that something was withheld, or is not what was asked for."""
    if answer.reason == "fallback_quotes":
        yield message("fallback", answer.language)
    if answer.policy == "mark" and any(claim.verdict != "supported" for claim in answer.claims):
        yield message("marked", answer.language)
    if answer.withheld:
        yield message("withheld", answer.language, n=len(answer.withheld)) + "."
