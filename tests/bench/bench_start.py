"""How long the commands take to start, and a question to be embedded alone.

    python tests/bench/bench_start.py --out data/results/start.json [--n 5] [--bench DIR --chunks 1000000]

Times `rag serve` from its start until `/readyz` says that it is ready, and `rag search` as a whole command, on the store of
the sample folder, and the import of LanceDB, which is a good part of both; with `--chunks` also `rag serve` on a made store of
that size (`made.py`), whose index is built. Questions are those of the sample, one at a time, by the embedders of the
defaults: the sum is what a question waits for where both are asked.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from made import made_store, real_vectors
from run import commit, machine

from ingest.analysis import terms
from ingest.config import EmbedderConfig
from ingest.embedder import PACKAGED
from ingest.universal import CombinedEmbedder

ROOT = Path(__file__).resolve().parent.parent.parent
RAG, INGEST = (Path(sys.executable).with_name(name) for name in ("rag", "ingest"))
_PATIENCE_S = 1800  # a large index is built first
N_PASSAGES, N_QUESTIONS = 4000, 600


def main() -> int:
    """Measure, print, and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--bench", type=Path, help="folder of the sets, for real passages of a made store")
    parser.add_argument("--chunks", type=int, default=0, help="chunks of a made store that is served as well")
    parser.add_argument("--n", type=int, default=5, help="starts of each command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        subprocess.run([INGEST, ROOT / "data" / "sample", "--store", store], check=True, capture_output=True)
        result: dict[str, Any] = {
            "commit": commit(),
            "machine": machine(),
            "load": os.getloadavg()[0],
            "starts": options.n,
            "serve_ready_s": spread([served(store, Path(folder)) for _ in range(options.n)]),
            "search_command_s": spread([searched(store) for _ in range(options.n)]),
            "import_lancedb_s": imported(options.n),
            "question_ms": questions(),
        }
        if options.chunks:
            result["made"] = made(Path(folder), options.bench, options.chunks, options.n)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


def made(folder: Path, bench: Path, n_chunks: int, n_starts: int) -> dict[str, Any]:
    """`rag serve` on a store of that many chunks; its first start builds the index, which is told apart."""
    passages, real, _, _ = real_vectors(bench, folder, N_PASSAGES, N_QUESTIONS)
    made_store(folder / "made", passages, [terms(passage, "en") for passage in passages], real, n_chunks, PACKAGED)
    os.environ["RAG_EMBEDDER__MODEL"] = PACKAGED  # which made these vectors
    first = served(folder / "made", folder)
    ready = spread([served(folder / "made", folder) for _ in range(n_starts)])
    return {"chunks": n_chunks, "serve_that_builds_s": round(first, 2), "serve_ready_s": ready}


def served(store: Path, folder: Path) -> float:
    """Seconds from the start of `rag serve` until it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = folder / "serve.toml"
    config.write_text(f'[server]\nstate = "{folder / "state"}"\n', encoding="utf-8")
    started = time.perf_counter()
    server = subprocess.Popen(
        [RAG, "serve", "--store", store, "--config", config, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < _PATIENCE_S:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200:
                    return time.perf_counter() - started
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        raise SystemExit(f"`rag serve` was not ready after {_PATIENCE_S} s")
    finally:
        server.terminate()
        server.wait()


def searched(store: Path) -> float:
    """Seconds that `rag search` takes as a whole command."""
    started = time.perf_counter()
    subprocess.run([RAG, "search", "--store", store, "How many days of leave are there?"], check=True, capture_output=True)
    return time.perf_counter() - started


def imported(n: int) -> dict[str, dict[str, float]]:
    """Seconds of a process that imports LanceDB as it is, and as `ingest.lance` does, in turns."""
    ways = {"as it is": "import pydantic, lancedb", "by ingest.lance": "from ingest.lance import lancedb; lancedb()"}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n):
        for name, code in ways.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.perf_counter() - started)
    return {name: spread(found) for name, found in times.items()}


def questions() -> dict[str, Any]:
    """Milliseconds to embed one question of the sample after the other; the first ones do not count."""
    lines = (ROOT / "data" / "sample-questions.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line)["question"] for line in lines]
    embedder = EmbedderConfig().embedder()
    assert isinstance(embedder, CombinedEmbedder)  # else there is but one to time
    found = {}
    for name, part in (("both", embedder), ("english", embedder.first), ("multilingual", embedder.second)):
        part.encode_queries(asked[:3])
        times = []
        for question in asked:
            started = time.perf_counter()
            part.encode_queries([question])
            times.append(1000 * (time.perf_counter() - started))
        found[name] = spread(times)
    return {"n": len(asked), **found}


def spread(values: list[float]) -> dict[str, float]:
    """Median, and the value that one in twenty exceeds (of few values the largest)."""
    ordered = sorted(values)
    return {"p50": round(statistics.median(values), 2), "p95": round(ordered[int(0.95 * (len(ordered) - 1) + 0.5)], 2)}


if __name__ == "__main__":
    sys.exit(main())
