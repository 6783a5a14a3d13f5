"""Run the shipped cross-encoder: pairs of texts in, what each head says out. ONNX on the CPU; neither torch nor a GPU needed.

The weights are `weights.onnx` beside this file; `MODEL_CARD.md` says what they were trained on and how far they can be trusted.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rag.crossencoder.inputs import Pair
from rag.errors import CheckerError

Floats = NDArray[np.float32]
_REMEMBERED = 256  # pairs


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
        self._threads = threads or os.cpu_count() or 1

    @property
    def version(self) -> str:
        """Names the weights: the first digits of their SHA-256."""
        return _digest(self.path)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._threads, thread_name_prefix="cross-encoder")

    @cached_property
    def _session(self) -> Any:
        import onnxruntime

        if not self.path.is_file():
            raise CheckerError(f"cannot load the cross-encoder: `{self.path.name}` is missing. Install the package again.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library has an exception class of its own for every kind of damage
            raise CheckerError(
                f"cannot load the cross-encoder: `{self.path.name}` is no readable ONNX file ({type(error).__name__}). "
                "Install the package again."
            ) from error

    def read(self, pairs: Sequence[Pair]) -> list[Read]:
        """Read pairs, one on each core; one result for each, in their order.

        Each pair is a call of its own: in a batch the scale of the 8-bit activations, and so a verdict, would hang on what else
        is in it.

        Raises: CheckerError when the weights cannot be loaded.
        """
        if len(pairs) < 2:
            return [self._remembered(given) for given in pairs]
        _ = self._session  # loaded once, before the threads ask for it
        return list(self._pool.map(self._remembered, pairs))

    @cached_property
    def _remembered(self) -> Callable[[Pair], Read]:
        """What was read a moment ago, as a passage is in searching and again in quoting, is not read twice."""
        return lru_cache(maxsize=_REMEMBERED)(self._read)

    def _read(self, given: Pair) -> Read:
        ids = np.array([given.ids], dtype=np.int64)
        inputs = {"ids": ids, "mask": np.ones_like(ids), "types": np.array([given.types()], dtype=np.int64)}
        support, answers, tags, spans = self._session.run(None, inputs)
        places = [0, *range(given.second_at, given.second_at + len(given.second))]
        n_first = len(given.first)
        return Read(support[0], float(answers[0]), tags[0, 1 : n_first + 1], spans[0, places, 0], spans[0, places, 1])


@lru_cache(maxsize=4)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
