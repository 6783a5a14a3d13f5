"""BM25 over paragraphs, or over pages where a format has them: what a search without any model finds, to stand beside ours."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ingest.analysis import terms
from ingest.documents import Document
from ingest.snapshot import Snapshot
from rag.answers import Passage
from rag.bm25 import Bm25

_BLANK_LINES = re.compile(r"\n\s*\n")


class ParagraphBm25:
    """Searches the documents of a store by words alone; it has as much of a retriever as an evaluation needs."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Index every document that was stored."""
        documents = [snapshot.document(name) for name, state in snapshot.states.items() if state.status == "stored"]
        self._pieces = [
            (document, start, end, page)
            for document in documents
            if document is not None
            for start, end, page in pieces(document)
        ]
        self.languages = sorted({document.language for document, *_ in self._pieces})
        self._index = Bm25(terms(document.text[start:end], document.language) for document, start, end, _ in self._pieces)

    def find(self, question: str, top_k: int, filters: Any = None, language: str | None = None) -> list[Passage]:
        """The best paragraphs or pages, best first."""
        words = dict.fromkeys(word for code in self.languages for word in terms(question, code))
        scores = self._index.scores(words)
        best = [int(row) for row in np.argsort(-scores, kind="stable")[:top_k] if scores[row] > 0]
        return [self._passage(row, float(scores[row]), rank) for rank, row in enumerate(best, 1)]

    def _passage(self, row: int, score: float, rank: int) -> Passage:
        document, start, end, page = self._pieces[row]
        return Passage(
            chunk=str(row),
            document=document.name,
            start=start,
            end=end,
            text=document.text[start:end],
            page=page,
            score=score,
            rank=rank,
            context="",
            language=document.language,
        )


def pieces(document: Document) -> Iterator[tuple[int, int, int | None]]:
    """Start, end and page of each page, or of each paragraph of a document without pages."""
    if document.pages:
        yield from ((page.start, page.end, page.number) for page in document.pages)
        return
    start = 0
    for gap in [*_BLANK_LINES.finditer(document.text), None]:
        end = gap.start() if gap else len(document.text)
        if document.text[start:end].strip():
            yield start, end, None
        start = gap.end() if gap else end
