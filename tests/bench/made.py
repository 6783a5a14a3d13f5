"""Stores of any size for a benchmark of search: real passages and questions, embedded, then mixed and blurred.

The passages are the chunks of the sample folder and of text sets in the benchmark folder. A made vector is a real passage with
part of another one and noise, so that it has neighbours at all distances as in a large collection, which pure noise has not.
"""

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa

from ingest.chunker import ChunkerSettings, chunk_document, embedded_text
from ingest.documents import chunk_id
from ingest.embedder import SentenceTransformerEmbedder, Vectors
from ingest.journal import FileState
from ingest.loaders import SUFFIXES, load_file
from ingest.rows import chunks_schema, documents_schema
from ingest.store import Store

SAMPLE = Path(__file__).resolve().parent.parent.parent / "data" / "sample"
SETS = ("scifact", "squad2")
PER_DOCUMENT = 100
_OTHER = 0.5  # most of another passage that is mixed in
_NOISE = 0.35  # length of the noise beside a vector of length 1
_AT_ONCE = 65_536


def real_vectors(bench: Path, cache: Path, n_passages: int, n_questions: int) -> tuple[list[str], Vectors, list[str], Vectors]:
    """Passages and questions with their vectors (n, 384) of the packaged English embedder; kept in a cache file."""
    passages, questions = real_texts(bench, cache, n_passages, n_questions)
    kept = cache / f"real-{n_passages}-{n_questions}.npz"
    if not kept.is_file():
        embedder = SentenceTransformerEmbedder()
        np.savez(kept, passages=embedder.encode(passages), questions=embedder.encode_queries(questions))
    with np.load(kept) as arrays:
        return passages, arrays["passages"], questions, arrays["questions"]


def real_texts(bench: Path, cache: Path, n_passages: int, n_questions: int) -> tuple[list[str], list[str]]:
    """Texts of chunks and of questions, a fixed sample of each."""
    passages, questions = [], []
    embedder = SentenceTransformerEmbedder()
    folders = [SAMPLE]
    for name in SETS:
        if not (cache / name).is_dir():
            with tarfile.open(bench / name / "corpus.tar.gz") as archive:
                archive.extractall(cache / name, filter="data")
        folders.append(cache / name / "corpus")
        lines = (bench / name / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        questions += [json.loads(line)["question"] for line in lines]
    for folder in folders:
        for path in sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES):
            chunks = chunk_document(load_file(path, path.name), embedder.token_starts, ChunkerSettings())
            passages += [embedded_text(chunk) for chunk in chunks]
    draw = np.random.default_rng(0)
    return (
        [passages[i] for i in draw.permutation(len(passages))[:n_passages]],
        [questions[i] for i in draw.permutation(len(questions))[:n_questions]],
    )


def made_vectors(real: Vectors, n: int) -> Iterator[tuple[np.ndarray, Vectors]]:
    """Make `n` vectors of unit length from real ones, in parts: which passage each comes from, and (m, dim) float32.

    A smaller number gives the first of a larger one.
    """
    draw = np.random.default_rng(1)
    for start in range(0, n, _AT_ONCE):
        one, other = draw.integers(len(real), size=(2, _AT_ONCE))
        share = draw.uniform(0, _OTHER, size=(_AT_ONCE, 1)).astype(np.float32)
        noise = draw.standard_normal((_AT_ONCE, real.shape[1]), dtype=np.float32) * np.float32(_NOISE / real.shape[1] ** 0.5)
        made = (1 - share) * real[one] + share * real[other] + noise
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        yield one[: n - start], made[: n - start]


class KnownQuestions:
    """An embedder that has embedded the questions before; texts from which the index learns how much to read are others."""

    name, identity, languages, counted_languages, max_tokens = "known", "known", ("en",), ("en",), 256

    def __init__(self, known: dict[str, Vectors], others: Vectors) -> None:
        self._known, self._others, self.dim = known, others, others.shape[1]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self._known.get(text, self._others[place % len(self._others)]) for place, text in enumerate(texts)])

    encode = encode_queries

    def token_starts(self, text: str) -> list[int]:
        return [0]


def _halves(one: str, other: str) -> str:
    """The beginning of one text and the end of another: few are alike, so that a search does not go looking for copies."""
    return f"{one[: len(one) // 2]} {other[len(other) // 2 :]}"


def made_store(
    folder: Path,
    passages: Sequence[str],
    words: Sequence[Sequence[str]],
    real: Vectors,
    n: int,
    embedder: str = KnownQuestions.name,
) -> Store:
    """A finished store of `n` made chunks, said to be embedded by `embedder`."""
    store = Store.create(folder, embedder=embedder, dim=real.shape[1], chunker={})
    done = 0
    for ones, vectors in made_vectors(real, n):
        others = (ones * 7 + np.arange(done, done + len(ones))) % len(passages)
        numbers = range(done, done + len(ones))
        halves = [(words[a][: len(words[a]) // 2], words[b][len(words[b]) // 2 :]) for a, b in zip(ones, others, strict=True)]
        names = [f"{number // PER_DOCUMENT}.txt" for number in numbers]
        columns = {
            "id": [chunk_id(name, "", number, number) for name, number in zip(names, numbers, strict=True)],
            "document": names,
            "edition": names,
            "digest": names,
            "start": [1000 * (number % PER_DOCUMENT) for number in numbers],
            "end": [1000 * (number % PER_DOCUMENT) + 999 for number in numbers],
            "page": [None] * len(names),
            "text": [_halves(passages[a], passages[b]) for a, b in zip(ones, others, strict=True)],
            "context": [""] * len(names),
            "language": ["en"] * len(names),
            "terms": [" ".join([*a, *b]) for a, b in halves],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1), type=pa.float32()), real.shape[1]),
        }
        for batch in pa.table(columns, schema=chunks_schema(real.shape[1])).to_batches():
            store.load("chunks", batch)
        done += len(ones)
    counts = {f"{number}.txt": min(PER_DOCUMENT, n - number * PER_DOCUMENT) for number in range(-(-n // PER_DOCUMENT))}
    states = [
        FileState(name, "docs", "", 1, 1, 1, "stored", n_chunks=count, language="en", edition=name)
        for name, count in counts.items()
    ]
    rows = [{**asdict(state), "text": "", "structure": "{}", "ingested_at": ""} for state in states]
    store.load("documents", pa.RecordBatch.from_pylist(rows, schema=documents_schema()))
    store.finish()
    return store
