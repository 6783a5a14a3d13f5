"""Measure the HTTP API: what it adds to the pipeline, the first event, many clients at once, images of pages.

    python tests/bench/bench_api.py --out data/results/api.json [--seconds 60] [--clients 64]

A server in its own process serves the sample folder. The pipeline is real but for the embedding model and the generator. That
is scripted: it sleeps as one that writes would, and names the question in its answer, so that a lost or crossed answer shows.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import re
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "data" / "sample"
QUESTION = "How many unused leave days may I carry over?"
MAX_CONCURRENT, MAX_QUEUED = 4, 28
_WRITING_S = 0.02  # how long the scripted generator takes


class Scripted:
    """Says which question it was asked, in the words of the first passage."""

    name = "scripted"

    def generate(self, request: Any) -> Any:
        """Sleep as if writing, then cite the first passage."""
        from rag.generators import Draft

        time.sleep(_WRITING_S)
        return Draft(text=f"Asked {request.question} [1].")


class Words:
    """Vectors of nothing: under load the server is measured, not the embedding model."""

    name, identity, dim, max_tokens = "words", "words", 8, 256
    languages = counted_languages = ("en",)

    def encode(self, texts: Any) -> Any:
        """The same vector for every text, (n, dim) float32."""
        import numpy as np

        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        vectors[:, 0] = 1.0
        return vectors

    encode_queries = encode

    def token_starts(self, text: str) -> list[int]:
        """Starts of words."""
        return [match.start() for match in re.finditer(r"\S+", text)]


def serve(port: int, store: Path, state: Path) -> None:
    """Serve the sample folder; runs in a process of its own."""
    import uvicorn

    from ingest.config import StoreConfig
    from ingest.store import Store
    from rag.api.app import build_app
    from rag.api.services import build_services
    from rag.checker.check import Checker
    from rag.checker.support import LogisticSupport
    from rag.config import RagConfig, ServerConfig
    from rag.generators.quote import QuoteGenerator
    from rag.pipeline import Engine
    from rag.retriever import Retriever

    config = RagConfig(
        store=StoreConfig(path=store), server=ServerConfig(state=state, max_concurrent=MAX_CONCURRENT, max_queued=MAX_QUEUED)
    )
    embedder: Any = Words()
    retriever = Retriever(Store.open(store), embedder)
    quoter, checker = QuoteGenerator(None), Checker(model=LogisticSupport())
    engine = Engine(retriever, Scripted(), quoter, checker, embedder.name, policy="off")
    app = build_app(build_services(engine, config, embedder))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error", proxy_headers=False)


def main() -> int:
    """Measure, print, and write one result file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long the clients ask (each of two loads)")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--n", type=int, default=60, help="measurements of each latency")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "clients": options.clients}
    from ingest.chunker import ChunkerSettings
    from ingest.pipeline import ingest_folder

    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        ingest_folder(SAMPLE, store, Words(), ChunkerSettings())  # type: ignore[arg-type]
        with Server(store, Path(folder) / "state") as server:
            results |= latencies(server, options.n)
            results |= asyncio.run(loads(server, options.clients, options.seconds))
    results["load_of_machine"] = [round(value, 1) for value in os.getloadavg()]
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(results, indent=1))
    return 0


class Server:
    """A server in a process of its own, from entering to leaving."""

    def __init__(self, store: Path, state: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=serve, args=(self.port, store, state), daemon=True)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Server":
        self.process.start()
        for _ in range(600):
            try:
                if httpx.get(f"{self.url}/readyz", timeout=60).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.2)
            if not self.process.is_alive():
                break
        raise SystemExit("the server did not start")

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.join(30)

    def memory_mb(self) -> float:
        """Resident memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def latencies(server: Server, n: int) -> dict[str, Any]:
    """What the API adds to the pipeline, the time to the first event, and images of pages; in milliseconds."""
    pages, first, added = [], [], []
    with httpx.Client(base_url=server.url, timeout=120) as client:
        body = {"question": QUESTION}
        pdf = client.get("/documents", params={"type": "pdf"}).json()["documents"][0]["document"]
        text = client.get("/documents/text", params={"document": pdf}).json()["text"]
        start = text.index(" ", len(text) // 3) + 1
        place = {"document": pdf, "start": start, "end": start + 80}
        for number in range(n + 3):
            since = time.perf_counter()
            answer = client.post("/query", json=body)
            whole = (time.perf_counter() - since) * 1000
            since = time.perf_counter()
            with client.stream("POST", "/query", json={**body, "stream": True}) as stream:
                next(line for line in stream.iter_lines() if line.startswith("event:"))
                to_first = (time.perf_counter() - since) * 1000
            since = time.perf_counter()
            image = client.get("/documents/page", params=place)
            to_page = (time.perf_counter() - since) * 1000
            assert image.headers["x-marks"] != "0", "no words were marked"
            if number >= 3:  # the first ones load what is loaded once
                added.append(whole - answer.json()["timings_ms"]["total"])
                first.append(to_first)
                pages.append(to_page)
    return {"overhead_ms": summary(added), "first_event_ms": summary(first), "page_ms": summary(pages), "n": n}


async def loads(server: Server, n_clients: int, seconds: float) -> dict[str, Any]:
    """Many clients: first so many questions a second as can be answered, then as many as they can ask."""
    alone = await load(server, MAX_CONCURRENT, 5.0, pause_s=0.0)
    rate = 0.5 * alone["answered_a_second"]
    return {
        "capacity_a_second": alone["answered_a_second"],
        "half_of_capacity": await load(server, n_clients, seconds, pause_s=n_clients / rate),
        "closed_loop": await load(server, n_clients, seconds, pause_s=0.0),
    }


async def load(server: Server, n_clients: int, seconds: float, pause_s: float) -> dict[str, Any]:
    """Let clients ask, each after a pause of `pause_s` on average; what came of it."""
    times: list[float] = []
    counts = {"answered": 0, "refused": 0, "errors": 0, "crossed": 0}
    memory = [server.memory_mb()]
    end = time.monotonic() + seconds

    async def one(number: int, client: httpx.AsyncClient) -> None:
        asked = 0
        await asyncio.sleep(pause_s * number / n_clients)
        while time.monotonic() < end:
            asked += 1
            question = f"what of leave number {number} {asked} there"
            since = time.perf_counter()
            try:
                reply = await client.post("/query", json={"question": question})
            except httpx.TransportError:
                counts["errors"] += 1
                continue
            took = time.perf_counter() - since
            if reply.status_code == 429:
                counts["refused"] += 1
                await asyncio.sleep(0.2)
            elif reply.status_code != 200:
                counts["errors"] += 1
            else:
                counts["answered"] += 1
                counts["crossed"] += question not in reply.json()["text"]
                times.append(took * 1000)
            await asyncio.sleep(max(0.0, pause_s - took))

    async def watch() -> None:
        while time.monotonic() < end:
            await asyncio.sleep(seconds / 10)
            memory.append(server.memory_mb())

    limits = httpx.Limits(max_connections=n_clients)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:
        await asyncio.gather(watch(), *(one(number, client) for number in range(n_clients)))
    total = counts["answered"] + counts["refused"] + counts["errors"]
    return {
        **counts,
        "refused_share": round(counts["refused"] / max(1, total), 4),
        "answered_a_second": round(counts["answered"] / seconds, 1),
        "answered_ms": summary(times),
        "memory_mb": [round(value, 1) for value in (memory[0], memory[len(memory) // 2], memory[-1])],
    }


def summary(values: list[float]) -> dict[str, float]:
    """Median, 99th percentile and the largest."""
    ordered = sorted(values) or [0.0]
    return {
        "p50": round(statistics.median(ordered), 1),
        "p99": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 1),
        "max": round(ordered[-1], 1),
    }


if __name__ == "__main__":
    sys.exit(main())
