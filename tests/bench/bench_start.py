"""How long the commands take to start, and a question to be embedded alone.

    python tests/bench/bench_start.py --out data/results/start.json [--store DIR] [--n 5]

Times `rag serve` from its start until `/readyz` says that it is ready, and `rag search` as a whole command, on the store of
the sample folder or on another one. Questions are those of the sample, one at a time, by the embedders of the defaults: the
sum is what a question waits for where both are asked.
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
from run import commit, machine

from ingest.config import EmbedderConfig
from ingest.universal import CombinedEmbedder

ROOT = Path(__file__).resolve().parent.parent.parent
RAG, INGEST = (Path(sys.executable).with_name(name) for name in ("rag", "ingest"))
_PATIENCE_S = 120


def main() -> int:
    """Measure, print, and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--store", type=Path, help="a store that exists; without it that of the sample folder is made")
    parser.add_argument("--n", type=int, default=5, help="starts of each command")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "store"
        if not options.store:
            subprocess.run([INGEST, ROOT / "data" / "sample", "--store", store], check=True, capture_output=True)
        result: dict[str, Any] = {
            "commit": commit(),
            "machine": machine(),
            "load": os.getloadavg()[0],
            "starts": options.n,
            "serve_ready_s": spread([served(store, Path(folder)) for _ in range(options.n)]),
            "search_command_s": spread([searched(store) for _ in range(options.n)]),
            "question_ms": questions(),
        }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


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
