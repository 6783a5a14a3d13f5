"""Which documents a question names: its names and figures against those in each document's name, title and first lines.

A chunk from the middle of a long report seldom says whose report it is, or of which year. A question does ("Apple's third
quarter of 2022"), and so do the file's name and the first page. Documents whose opening fits are preferred, the more so the
longer they are.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log10

import numpy as np

from ingest.analysis import terms
from rag.bm25 import Bm25

OPENING_CHARS = 900  # some 120 words
# For each power of ten in a document's number of chunks beyond the first; data/results/retrieval-experiments.md has others.
_STRENGTH = 0.6
_N_STANDARD = 100
_SUFFIX = re.compile(r"\.\w{1,5}$")
_JOINTS = re.compile(r"[/_\-.!]+|(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[\w’'&.\-]+")


@dataclass(frozen=True)
class Opening:
    """A document as its opening shows it: its name, title and language, its first lines, and how many chunks it has."""

    name: str
    title: str
    language: str
    text: str
    n_chunks: int


class Openings:
    """BM25 over the names and figures in the openings of documents."""

    def __init__(self, openings: Sequence[Opening], known: "Openings | None" = None) -> None:
        """Index openings; terms of those that `known` has are not found anew."""
        self.names = [opening.name for opening in openings]
        self._strength = _STRENGTH * np.array([log10(max(opening.n_chunks, 10)) - 1 for opening in openings])
        before: Mapping[Opening, list[str]] = known.terms if known else {}
        self.terms: dict[Opening, list[str]] = {opening: before.get(opening) or _opening_terms(opening) for opening in openings}
        self._index = Bm25(self.terms[opening] for opening in openings)

    def bonus(self, question: str, languages: Sequence[str], among: Collection[str] | None = None) -> Mapping[str, float]:
        """What the score of a document's chunks gains or loses, by name; empty where the question names nothing.

        Standardised over the best 100 documents, so that it can be added to standardised scores of chunks; of those `among`
        which is searched, so that no document outside has a say.
        """
        named = names_and_figures(question) or ("" if any(map(str.isupper, question)) else question)
        words = dict.fromkeys(word for language in dict.fromkeys(languages) for word in terms(named, language))
        scores = self._index.scores(words)
        if not scores.any() or not self._strength.any():
            return {}
        searched = np.ones(len(scores), dtype=bool) if among is None else np.array([name in among for name in self.names])
        if not scores[searched].any():
            return {}
        best = np.sort(scores[searched])[-_N_STANDARD:]
        gains = self._strength * (scores - best.mean()) / (best.std() + 1e-9)
        return {name: gain for name, gain, is_in in zip(self.names, gains.tolist(), searched, strict=True) if is_in}


def names_and_figures(text: str) -> str:
    """The words of a text that begin with a capital or hold a digit."""
    return " ".join(word for word in _WORD.findall(text) if word[0].isupper() or any(map(str.isdigit, word)))


def _opening_terms(opening: Opening) -> list[str]:
    name = _JOINTS.sub(" ", _SUFFIX.sub("", opening.name))
    first = names_and_figures(opening.text[:OPENING_CHARS])
    return terms(f"{name} {name} {opening.title} {first}", opening.language)
