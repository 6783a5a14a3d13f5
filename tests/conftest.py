"""Fixtures for all tests: no network but the loopback, a fake embedder, the sample folder in a store."""

import hashlib
import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings

from ingest.chunker import ChunkerSettings
from ingest.embedder import SentenceTransformerEmbedder
from ingest.universal import CombinedEmbedder, UniversalEmbedder

settings.register_profile("untimed", deadline=None)  # how long an example takes is no property of the code
settings.load_profile("untimed")

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "data" / "sample"


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whatever tries to leave the machine fails loudly."""
    connect = socket.socket.connect

    def guarded(self, address):
        is_local = self.family == socket.AF_UNIX or str(address[0]) in ("127.0.0.1", "::1", "localhost")
        if not is_local:
            raise AssertionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


class FakeEmbedder:
    """Vectors from hashed words, at no cost. It stands in for a model, never for what is tested."""

    name = "fake"
    identity = "fake"
    languages: tuple[str, ...] | None = ("en",)
    counted_languages: tuple[str, ...] | None = ("en",)
    dim = 64
    max_tokens = 256

    def encode(self, texts: Sequence[str]):
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, int(hashlib.md5(word.encode()).hexdigest(), 16) % self.dim] += 1.0
            vectors[row, 0] += 0.01
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if len(texts) else vectors

    encode_queries = encode

    def token_starts(self, text: str) -> list[int]:
        return [match.start() for match in re.finditer(r"\w+|[^\w\s]", text)]


@pytest.fixture
def fake_embedder() -> FakeEmbedder:
    return FakeEmbedder()


@pytest.fixture(scope="session")
def embedder() -> SentenceTransformerEmbedder:
    """The packaged English model, loaded once."""
    return SentenceTransformerEmbedder()


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory, embedder) -> Path:
    """The sample folder, ingested with the default embedder: once for all processes that run tests. Nobody writes to it."""
    from ingest.pipeline import ingest_folder

    def make(store: Path) -> None:
        ingest_folder(SAMPLE, store, CombinedEmbedder(embedder, UniversalEmbedder()), ChunkerSettings())

    return made_once(tmp_path_factory, "sample-store", make)


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that `make` fills, shared by the processes of one test run where there are several."""
    several = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent if several else tmp_path_factory.getbasetemp()
    with FileLock(folder / f"{name}.lock"):
        if not (folder / name).exists():
            make(folder / f"{name}.new")
            (folder / f"{name}.new").rename(folder / name)
    return folder / name
