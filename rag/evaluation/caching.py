"""An embedder that remembers, for runs in which the same sentences come back for question after question."""

from collections.abc import Callable, Sequence

import numpy as np

from ingest.embedder import Embedder, Vectors
from ingest.universal import CombinedEmbedder


class CachingEmbedder:
    """Keeps every vector that the embedder inside has made, in memory and without a limit."""

    def __init__(self, inner: Embedder) -> None:
        """Wrap `inner`."""
        self.name, self.languages, self.counted_languages = inner.name, inner.languages, inner.counted_languages
        self._inner = inner
        self._texts: dict[str, Vectors] = {}
        self._queries: dict[str, Vectors] = {}

    @property
    def identity(self) -> str:
        """Changes whenever the vectors of the same texts do."""
        return self._inner.identity

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        return self._inner.dim

    @property
    def max_tokens(self) -> int:
        """Most tokens of one text that the model reads, special tokens included."""
        return self._inner.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: (n, dim) float32, unit length."""
        return _remembered(self._texts, self._inner.encode, texts)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (n, dim) float32, unit length."""
        return _remembered(self._queries, self._inner.encode_queries, texts)

    def token_starts(self, text: str) -> Sequence[int]:
        """Character position at which each token of `text` starts, ascending, without special tokens."""
        return self._inner.token_starts(text)


def remembering(embedder: Embedder) -> Embedder:
    """The embedder with a memory. Of two side by side each gets its own: quoting uses the first alone."""
    if isinstance(embedder, CombinedEmbedder):
        return CombinedEmbedder(CachingEmbedder(embedder.first), CachingEmbedder(embedder.second))
    return CachingEmbedder(embedder)


def _remembered(known: dict[str, Vectors], encode: Callable[[Sequence[str]], Vectors], texts: Sequence[str]) -> Vectors:
    if not texts:
        return encode(texts)
    new = [text for text in dict.fromkeys(texts) if text not in known]
    known.update(zip(new, encode(new), strict=True) if new else ())
    return np.stack([known[text] for text in texts])
