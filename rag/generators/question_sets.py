"""Question sets that the quoting voice is fitted to: their chunks and their questions in the benchmark format."""

import json
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingest.chunker import ChunkerSettings, chunk_document
from ingest.documents import Chunk
from ingest.embedder import Embedder
from ingest.loaders import load_file
from rag.crossencoder.training.written import Item, read_items

_CROSSED = "crossed"  # items whose questions are in another language than their passage


def load_set(folder: Path, embedder: Embedder) -> tuple[list[Chunk], list[dict[str, Any]]]:
    """Chunks and questions of one set in the benchmark format; PDF corpora are folders, the others archives."""
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as temporary:
        root = folder / "corpus"
        if not root.is_dir():
            with tarfile.open(folder / "corpus.tar.gz") as archive:
                archive.extractall(temporary, filter="data")
            root = Path(temporary) / "corpus"
        return _chunks(root, embedder), questions


def written_sets(folder: Path, embedder: Embedder) -> Iterator[tuple[str, list[Chunk], list[dict[str, Any]]]]:
    """For each language the questions written for this project that no network learnt from: name, chunks, questions.

    `folder` holds files as `rag.crossencoder.training.written` reads them; each passage is a document of its own.
    """
    items = [item for path in sorted(folder.glob("*.txt")) for item in read_items(path) if item.is_held_out]
    items = [item for item in items if not item.domain.endswith(_CROSSED)]
    for language in sorted({item.language for item in items}):
        chosen = [item for item in items if item.language == language]
        questions: list[dict[str, Any]] = []
        with tempfile.TemporaryDirectory() as temporary:
            for number, item in enumerate(chosen):
                document = f"{number}.txt"
                Path(temporary, document).write_text(item.passage, encoding="utf-8")
                questions += _questions(document, item)
            yield f"written_{language}", _chunks(Path(temporary), embedder), questions


def _questions(document: str, item: Item) -> Iterator[dict[str, Any]]:
    for question, answer in item.questions:
        start = item.passage.find(answer) if answer else -1
        if answer and start < 0:
            continue
        gold = [{"document": document, "start": start, "end": start + len(answer), "page": None}] if answer else []
        yield {
            "question": question,
            "lang": item.language,
            "answerable": answer is not None,
            "answers": [answer] if answer else [],
            "gold": gold,
            "about": {"document": document},
        }


def _chunks(root: Path, embedder: Embedder) -> list[Chunk]:
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    documents = [load_file(path, path.relative_to(root).as_posix()) for path in paths]
    return [
        chunk
        for document in documents
        for chunk in chunk_document(document, embedder.token_starts, ChunkerSettings(), embedder.counted_languages)
    ]
