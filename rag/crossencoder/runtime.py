"""Run the shipped cross-encoder: pairs of texts in, what each head says out. ONNX on the CPU; neither torch nor a GPU needed.

The weights are `weights.onnx` beside this file; `MODEL_CARD.md` says what they were trained on and how far they can be trusted.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.crossencoder.inputs import Pair
from rag.errors import CheckerError

_BATCH_TOKENS = 2048  # bounds the memory of one call
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Read:
    """What the network says of one pair, in log-odds.

    support (3,): supported, contradicted, not enough; answers: does the second text answer the question; tags: for each token
    of the first text, is it unsupported; starts and ends: for [CLS] ("no answer") and then each token of the second text, does
    the answer start or end here.
    """

    support: Floats
    answers: float
    tags: Floats
    starts: Floats
    ends: Floats


class CrossEncoder:
    """The network, loaded on first use. Safe to share between threads."""

    def __init__(self, path: Path | None = None, threads: int = 0) -> None:
        """Take the weights of the package, or those at `path`; `threads` 0 means all cores."""
        self.path = path or Path(str(files("rag.crossencoder").joinpath("weights.onnx")))
        self._threads = threads

    @property
    def version(self) -> str:
        """Names the weights: the first digits of their SHA-256."""
        return _digest(self.path)

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        if not self.path.is_file():
            raise CheckerError(
                f"cannot load the cross-encoder: `{self.path.name}` is missing. Install the package again, or name the file in "
                "checker.weights."
            )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library has an exception class of its own for every kind of damage
            raise CheckerError(
                f"cannot load the cross-encoder: `{self.path.name}` is no readable ONNX file ({type(error).__name__}). "
                "Install the package again."
            ) from error

    def read(self, pairs: Sequence[Pair]) -> list[Read]:
        """Read pairs, those of about the same length together; one result for each, in their order.

        Raises: CheckerError when the weights cannot be loaded.
        """
        found: list[Read | None] = [None] * len(pairs)
        order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].ids))
        batch: list[int] = []
        for i in order:
            if batch and (len(batch) + 1) * len(pairs[i].ids) > _BATCH_TOKENS:
                self._read(pairs, batch, found)
                batch = []
            batch.append(i)
        if batch:
            self._read(pairs, batch, found)
        return [item for item in found if item is not None]

    def _read(self, pairs: Sequence[Pair], batch: Sequence[int], found: list[Read | None]) -> None:
        width = max(len(pairs[i].ids) for i in batch)
        ids, mask, types = (np.zeros((len(batch), width), dtype=np.int64) for _ in range(3))
        for row, i in enumerate(batch):
            size = len(pairs[i].ids)
            ids[row, :size] = pairs[i].ids
            mask[row, :size] = 1
            types[row, pairs[i].second_at : size] = 1
        support, answers, tags, spans = self._session.run(None, {"ids": ids, "mask": mask, "types": types})
        for row, i in enumerate(batch):
            n_first, at, end = len(pairs[i].first), pairs[i].second_at, pairs[i].second_at + len(pairs[i].second)
            places = [0, *range(at, end)]
            found[i] = Read(
                support[row], float(answers[row]), tags[row, 1 : n_first + 1], spans[row, places, 0], spans[row, places, 1]
            )


@lru_cache(maxsize=4)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def softmax(logits: Floats) -> Floats:
    """Probabilities of exclusive classes, along the last axis."""
    mass = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(mass / mass.sum(axis=-1, keepdims=True), dtype=np.float32)
