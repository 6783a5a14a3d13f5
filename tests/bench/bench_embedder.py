"""Texts a second of the packaged embedder in 8 and 32 bits beside `SentenceTransformer.encode`, in turns, on the same texts.

    python tests/bench/bench_embedder.py --out FILE [--rounds 5]

The texts are the chunks of the sample folder that the model reads whole.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from run import commit, machine
from sentence_transformers import SentenceTransformer

from ingest.chunker import ChunkerSettings, chunk_document, embedded_text
from ingest.embedder import SentenceTransformerEmbedder
from ingest.loaders import SUFFIXES, load_file
from ingest.minilm.engine import has_8_bit_instructions, packaged_model_folder

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"


def main() -> int:
    """Time all ways in turns and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ways = {precision: SentenceTransformerEmbedder(device="cpu", precision=precision) for precision in ("int8", "float32")}
    embedder = ways["int8"]
    files = [path for path in sorted(SAMPLE.rglob("*")) if path.suffix in SUFFIXES]
    documents = [load_file(path, path.name) for path in files]
    texts = [embedded_text(c) for d in documents for c in chunk_document(d, embedder.token_starts, ChunkerSettings())]
    texts = [text for text in texts if len(embedder.token_starts(text)) <= embedder.max_tokens - 2]
    plain = SentenceTransformer(str(packaged_model_folder()), device="cpu", local_files_only=True)
    encoders: dict[str, Callable[[], Any]] = {name: partial(way.encode, texts) for name, way in ways.items()}
    encoders["encode"] = partial(plain.encode, texts, normalize_embeddings=True, show_progress_bar=False)
    vectors = {name: encode() for name, encode in encoders.items()}
    rates: dict[str, list[float]] = {name: [] for name in encoders}
    for _ in range(options.rounds):
        for name, encode in encoders.items():
            started = time.perf_counter()
            encode()
            rates[name].append(len(texts) / (time.perf_counter() - started))
    result = {
        "n_texts": len(texts),
        "mean_tokens": round(statistics.mean(len(embedder.token_starts(text)) for text in texts), 1),
        "rounds": options.rounds,
        "texts_per_s": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "against_encode": {name: _ratio(rates[name], rates["encode"]) for name in ways},
        "cosine": {name: _cosine(vectors[name], vectors["encode"]) for name in ways},
        "has_8_bit_instructions": has_8_bit_instructions(),
        "commit": commit(),
        "machine": machine(),
        "load": os.getloadavg()[2],
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


def _ratio(ours: list[float], theirs: list[float]) -> dict[str, float]:
    ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
    return {"median": round(statistics.median(ratios), 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)}


def _cosine(ours: Any, theirs: Any) -> dict[str, float]:
    cosines = np.sum(ours * theirs, axis=1)
    return {"mean": round(float(cosines.mean()), 4), "lowest": round(float(cosines.min()), 4)}


if __name__ == "__main__":
    sys.exit(main())
