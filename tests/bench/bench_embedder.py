"""Texts a second of the embedder beside `SentenceTransformer.encode` at its defaults, in turns in one run, on the same texts.

    python tests/bench/bench_embedder.py --out FILE [--rounds 5]

The texts are the chunks of the sample folder.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from run import commit, machine

from ingest.chunker import ChunkerSettings, chunk_document, embedded_text
from ingest.embedder import SentenceTransformerEmbedder
from ingest.loaders import SUFFIXES, load_file

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"


def main() -> int:
    """Time both ways in turns and write the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    embedder = SentenceTransformerEmbedder()
    files = [path for path in sorted(SAMPLE.rglob("*")) if path.suffix in SUFFIXES]
    documents = [load_file(path, path.name) for path in files]
    texts = [embedded_text(c) for d in documents for c in chunk_document(d, embedder.token_starts, ChunkerSettings())]
    plain = embedder._loaded()
    rates: dict[str, list[float]] = {"ours": [], "encode": []}
    for _ in range(options.rounds):
        started = time.perf_counter()
        ours = embedder.encode(texts)
        rates["ours"].append(len(texts) / (time.perf_counter() - started))
        started = time.perf_counter()
        theirs = plain.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        rates["encode"].append(len(texts) / (time.perf_counter() - started))
    whole = [i for i, text in enumerate(texts) if len(embedder.token_starts(text)) <= embedder.max_tokens - 2]
    cosine = float(np.min(np.sum(ours[whole] * theirs[whole], axis=1)))
    ratios = [ours / theirs for ours, theirs in zip(rates["ours"], rates["encode"], strict=True)]
    result = {
        "n_texts": len(texts),
        "rounds": options.rounds,
        "texts_per_s": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "ratio": {"median": round(statistics.median(ratios), 2), "low": round(min(ratios), 2), "high": round(max(ratios), 2)},
        "lowest_cosine": round(cosine, 6),
        "commit": commit(),
        "machine": machine(),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
