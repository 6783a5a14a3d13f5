"""Texts to unit vectors. The default model comes inside a package; any sentence-transformers folder or hub name can replace it.

It knows nothing of documents or stores. Loading is lazy: constructing an embedder costs nothing until its first use.
"""

import ctypes
import hashlib
import os
import platform
import threading
from array import array
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.checksum import file_sha256
from ingest.errors import EmbedderError
from ingest.minilm.engine import WEIGHTS_SHA256, MiniLM, packaged_model_folder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

PACKAGED = "packaged:all-MiniLM-L6-v2"
_PACKAGED_LANGUAGES = ("en",)
_FEW_TEXTS = 4  # a question is one text: all threads inside each operation answer it soonest
_TEXTS_A_BATCH = 4
_TOKENISED_CHARS = 200_000

Precision = Literal["auto", "int8", "float32"]


class Embedder(Protocol):
    """What ingestion and search need from an embedding model."""

    name: str
    languages: tuple[str, ...] | None  # in which its vectors mean something; None: all
    counted_languages: tuple[str, ...] | None  # in which its tokens measure a text; in others words do. None: all

    @property
    def identity(self) -> str:
        """Changes whenever the vectors of the same texts do by more than rounding."""
        ...

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Most tokens of one text that the model reads, special tokens included."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: (n, dim) float32, unit length."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (n, dim) float32, unit length."""
        ...

    def token_starts(self, text: str) -> Sequence[int]:
        """Character position at which each token of `text` starts, ascending, without special tokens."""
        ...


class _Engine(Protocol):
    """What computes vectors of texts that it reads whole. Safe to share between threads."""

    @property
    def dim(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def token_starts(self, text: str) -> Sequence[int]: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class SentenceTransformerEmbedder:
    """A sentence-transformers model: the packaged one, a local folder, or a hub name that the configuration gives.

    On a CPU the packaged one runs without torch (`ingest.minilm`).
    """

    def __init__(
        self,
        model: str = PACKAGED,
        *,
        device: str = "auto",
        batch_size: int = 32,
        query_prefix: str = "",
        text_prefix: str = "",
        languages: tuple[str, ...] | None = None,
        precision: Precision = "auto",
    ) -> None:
        """Name the model; nothing is loaded until the first use.

        `languages` None means: the packaged default's, else all. `precision` is that of the packaged model on a CPU: "auto"
        takes 8 bits where the processor has instructions for them.
        """
        self.name = model
        self.languages = _PACKAGED_LANGUAGES if languages is None and model == PACKAGED else languages
        self.counted_languages = self.languages
        self._device = device
        self._batch_size = batch_size
        self._query_prefix = query_prefix
        self._text_prefix = text_prefix
        self._precision = precision
        self._model: _Engine | None = None
        self._lock = threading.RLock()
        self._identity = ""

    @property
    def identity(self) -> str:
        """Name, checksum of the weights where they lie in a folder, and what is put before each text."""
        with self._lock:
            if not self._identity:
                self._identity = f"{self.name}\0{_weights_digest(self.name)}\0{self._text_prefix}"
            return self._identity

    @property
    def dim(self) -> int:
        """Number of dimensions of a vector."""
        return self._engine.dim

    @property
    def max_tokens(self) -> int:
        """Most tokens of one text that the model reads, special tokens included."""
        return self._engine.max_tokens

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: (n, dim) float32, unit length."""
        return self._encode([self._text_prefix + text for text in texts])

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (n, dim) float32, unit length."""
        return self._encode([self._query_prefix + text for text in texts])

    def token_starts(self, text: str) -> Sequence[int]:
        """Character position at which each token of `text` starts, ascending, without special tokens."""
        starts = array("q")
        for shift, end in _pieces(text):
            starts.extend(start + shift for start in self._engine.token_starts(text[shift:end]))
        return starts

    def _encode(self, texts: list[str]) -> Vectors:
        """Encode texts; one that is longer than the model reads is read in windows, and its vector is their mean."""
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        windows = [self._windows(text) for text in texts]
        flat = [piece for pieces in windows for piece in pieces]
        encoded = self._engine.encode(flat)
        if len(flat) == len(texts):
            return encoded
        starts = np.cumsum([0] + [len(pieces) for pieces in windows[:-1]])
        sums = np.add.reduceat(encoded, starts, axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.ascontiguousarray(sums / np.maximum(norms, 1e-12), dtype=np.float32)

    def _windows(self, text: str) -> list[str]:
        """Cut a text into pieces of about equal size that the model reads whole; nothing is dropped in silence."""
        most = self.max_tokens - 2  # the model adds a token at each end
        if len(text) <= most:  # no token is shorter than a character
            return [text]
        starts = self.token_starts(text)
        if len(starts) <= most:
            return [text]
        n_pieces = -(-len(starts) // most)
        cuts = [0, *(starts[len(starts) * i // n_pieces] for i in range(1, n_pieces)), len(text)]
        return [text[start:end] for start, end in pairwise(cuts)]

    @property
    def _engine(self) -> _Engine:
        with self._lock:
            if self._model is None:
                on_cpu = self.name == PACKAGED and not _wants_torch(self._device)
                self._model = MiniLM(self._precision) if on_cpu else _Torch(self.name, self._device, self._batch_size)
            return self._model


class _Torch:
    """Any model that sentence-transformers loads, on the device that is asked for."""

    def __init__(self, name: str, device: str, batch_size: int) -> None:
        self._model = _load(name, device)
        self._batch_size = batch_size
        self._lock = threading.Lock()
        self.dim = int(self._model.get_embedding_dimension() or 0)
        self.max_tokens = int(self._model.max_seq_length or 512)

    def token_starts(self, text: str) -> Sequence[int]:
        tokenizer: Any = self._model.tokenizer
        with self._lock:
            encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False, verbose=False)
        return [start for start, _ in encoded["offset_mapping"]]

    def encode(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            if self._model.device.type == "cpu" and len(texts) > _FEW_TEXTS:
                return _encode_on_all_cores(self._model, texts)
            encoded = self._model.encode(
                list(texts),
                batch_size=self._batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.ascontiguousarray(encoded, dtype=np.float32)


def _wants_torch(device: str) -> bool:
    """True where the packaged model is to run on a GPU: one is named, or the machine has one that torch can use."""
    if device != "auto":
        return device != "cpu"
    try:
        ctypes.CDLL("nvcuda.dll" if platform.system() == "Windows" else "libcuda.so.1")
    except OSError:  # no driver: torch, which takes seconds to import, need not be asked
        return False
    import torch

    return torch.cuda.is_available()


def _pieces(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a text that are tokenised one by one, cut at blanks: a tokenizer takes 160 bytes for each character."""
    start = 0
    while len(text) - start > _TOKENISED_CHARS:
        end = start + _TOKENISED_CHARS
        end = max(text.rfind("\n", start, end), text.rfind(" ", start, end)) + 1 or end
        yield start, end
        start = end
    yield start, len(text)


def _encode_on_all_cores(model: "SentenceTransformer", texts: Sequence[str]) -> Vectors:
    """Encode with one thread for each small batch instead of all threads inside each operation.

    The matrices of a small model are too small to share: on two cores this gave 1.2 times the texts a second of
    `SentenceTransformer.encode`, with the same vectors.
    """
    import torch

    order = sorted(range(len(texts)), key=lambda position: -len(texts[position]))
    batches = [order[start : start + _TEXTS_A_BATCH] for start in range(0, len(order), _TEXTS_A_BATCH)]
    features = [model.preprocess([texts[position] for position in batch]) for batch in batches]
    found = np.zeros((len(texts), int(model.get_embedding_dimension() or 0)), dtype=np.float32)
    n_threads = torch.get_num_threads()

    def run(number: int) -> None:
        with torch.inference_mode():
            vectors = model(features[number])["sentence_embedding"]
            found[batches[number]] = torch.nn.functional.normalize(vectors, dim=1).numpy()

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(run, range(len(batches))))
    finally:
        torch.set_num_threads(n_threads)
    return found


def _weights_digest(model: str) -> str:
    """Digest of all files of a model's folder; that of the packaged one is known, and a hub's are known by name alone."""
    if model == PACKAGED or not Path(model).is_dir():
        return WEIGHTS_SHA256 if model == PACKAGED else ""
    files = sorted(file for file in Path(model).rglob("*") if file.is_file())
    listed = "".join(f"{file.relative_to(model)}\0{file_sha256(file)}\n" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _load(model: str, device: str) -> "SentenceTransformer":
    folder = str(packaged_model_folder()) if model == PACKAGED else model
    is_local = model == PACKAGED or Path(model).is_dir()
    if is_local:
        # A local model must load without a look at the network, whatever the environment says.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    from sentence_transformers import SentenceTransformer  # a second of import that `--help` should not pay
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(folder, device=None if device == "auto" else device, local_files_only=is_local or None)
    except (OSError, ValueError, RuntimeError) as error:
        raise EmbedderError(
            f"cannot load embedder `{model}`: {str(error).splitlines()[0]}. Set embedder.model to a folder with a "
            "sentence-transformers model, to a hub name that this machine can reach, or leave it at its default."
        ) from error
