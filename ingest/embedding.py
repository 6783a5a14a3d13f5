"""Chunks to rows with vectors: embeds only texts of which the store has no vector yet, and writes as it goes.

A text is known by the digest of what the embedder reads and of the embedder itself, so that a file that was moved, renamed,
copied or edited in one place costs only its new texts, and a run that was killed finds what it had embedded.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import numpy as np

from ingest.chunker import embedded_text
from ingest.documents import Chunk
from ingest.embedder import Embedder
from ingest.errors import StoreError
from ingest.store import Store

_FIRST_STEP = 64
_MAX_STEP = 512
_SECONDS_A_STEP = 15.0  # what was embedded is written about so often: a crash costs no more


class ChunkWriter:
    """Adds chunks to one store; vectors also come from `donor`, the store that a rebuild replaces."""

    def __init__(self, store: Store, embedder: Embedder, donor: Store | None = None) -> None:
        self._store = store
        self._embedder = embedder
        self._donor = donor
        self._step = _FIRST_STEP

    def add(self, chunks: Sequence[Chunk], editions: Mapping[str, str], tell: Callable[[int], None] = lambda done: None) -> int:
        """Add chunks; `editions` by document; `tell(done)` after each step. Returns how many texts were embedded."""
        done, n_embedded = 0, 0
        while done < len(chunks):
            started = time.monotonic()
            step = chunks[done : done + self._step]
            done += len(step)
            n_embedded += self._add_step(self._store.missing(step, editions), editions)
            is_quick = time.monotonic() - started < _SECONDS_A_STEP
            self._step = min(_MAX_STEP, 2 * self._step) if is_quick else max(1, self._step // 2)
            tell(done)
        return n_embedded

    def _add_step(self, chunks: Sequence[Chunk], editions: Mapping[str, str]) -> int:
        from ingest.rows import vector_digest

        if not chunks:
            return 0
        digests = [vector_digest(chunk, self._embedder.identity) for chunk in chunks]
        vectors = self._store.vectors(set(digests))
        if self._donor is not None:
            with suppress(StoreError):  # a rebuild is the remedy of a store that is damaged
                vectors = self._donor.vectors(set(digests)) | vectors
        texts = {d: embedded_text(chunk) for d, chunk in zip(digests, chunks, strict=True) if d not in vectors}
        if texts:
            vectors |= dict(zip(texts, self._embedder.encode(list(texts.values())), strict=True))
        self._store.add(chunks, editions, digests, np.stack([vectors[digest] for digest in digests]))
        return len(texts)
