"""Ingest a folder of PDFs with `ingest`, with llama-index-core and with haystack-ai, each as a process of its own, in turns.

    python tests/bench/bench_ingest.py --folder DIR --out FILE [--rounds 3] [--files N]

All three embed with the packaged all-MiniLM-L6-v2; `ingest` once more with the embedder of its defaults. Chunks of the others
are as long as the model reads (200 tokens), as it cuts what is longer in silence. They keep their vectors in memory, `ingest`
writes a store. Peers are installed into data/cache/peers, beside the packages of this environment.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path

from run import commit, machine

from ingest.minilm.engine import packaged_model_folder

ROOT = Path(__file__).resolve().parent.parent.parent
PEERS = ("llama-index-core==0.14.25", "llama-index-readers-file==0.7.0", "haystack-ai==3.3.0")
LLAMA_INDEX = """
import sys
from llama_index.core import SimpleDirectoryReader
from llama_index.core.node_parser import SentenceSplitter
from sentence_transformers import SentenceTransformer
folder, model = sys.argv[1:]
documents = SimpleDirectoryReader(folder).load_data()
nodes = SentenceSplitter(chunk_size=200, chunk_overlap=0).get_nodes_from_documents(documents)
SentenceTransformer(model).encode([node.get_content() for node in nodes])
print(len(nodes))
"""
HAYSTACK = """
import sys
from pathlib import Path
from haystack.components.converters import PyPDFToDocument
from haystack.components.preprocessors import DocumentSplitter
from sentence_transformers import SentenceTransformer
folder, model = sys.argv[1:]
documents = PyPDFToDocument().run(sources=sorted(Path(folder).iterdir()))["documents"]
pieces = DocumentSplitter(split_by="word", split_length=120, split_overlap=0).run(documents=documents)["documents"]
SentenceTransformer(model).encode([piece.content for piece in pieces])
print(len(pieces))
"""


def main() -> int:
    """Time every way in turns and write seconds, chunks and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=0, help="take the first N files by name; 0 takes all")
    options = parser.parse_args()
    peers = _peers(ROOT / "data" / "cache" / "peers")
    with tempfile.TemporaryDirectory() as scratch:
        files = [path for path in sorted(options.folder.iterdir()) if path.is_file()]
        files = files[: options.files or len(files)]
        folder = Path(scratch) / "folder"
        folder.mkdir()
        for file in files:
            shutil.copy(file, folder)
        model = str(packaged_model_folder())
        ways = {
            "ingest": lambda: _ours(folder, Path(scratch) / "store", {"RAG_EMBEDDER__MODEL": "packaged:all-MiniLM-L6-v2"}),
            "ingest, default embedder": lambda: _ours(folder, Path(scratch) / "store", {}),
            "llama-index-core": lambda: _timed([peers, "-c", LLAMA_INDEX, folder, model], {}),
            "haystack-ai": lambda: _timed([peers, "-c", HAYSTACK, folder, model], {}),
        }
        runs: dict[str, list[tuple[float, int]]] = {name: [] for name in ways}
        for _ in range(options.rounds):
            for name, way in ways.items():
                runs[name].append(way())
                print(f"{name:26} {runs[name][-1][0]:7.1f} s {runs[name][-1][1]:6} chunks", flush=True)
    result = _result(runs, len(files)) | {"peers": PEERS, "commit": commit(), "machine": machine(), "load": os.getloadavg()[2]}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result["ratios"], indent=1))
    return 0


def _result(runs: dict[str, list[tuple[float, int]]], n_files: int) -> dict[str, object]:
    """Seconds and chunks a second of each way, and how many times as long the peers take, whole and for each chunk."""
    seconds = {name: statistics.median(s for s, _ in found) for name, found in runs.items()}
    chunks = {name: found[0][1] for name, found in runs.items()}
    peers = [name for name in runs if not name.startswith("ingest")]
    return {
        "n_files": n_files,
        "rounds": len(runs["ingest"]),
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
        "chunks": chunks,
        "ratios": {
            f"{peer} / {own}": {
                "whole": round(seconds[peer] / seconds[own], 2),
                "a chunk": round(seconds[peer] / chunks[peer] * chunks[own] / seconds[own], 2),
            }
            for peer in peers
            for own in runs
            if own.startswith("ingest")
        },
    }


def _ours(folder: Path, store: Path, settings: dict[str, str]) -> tuple[float, int]:
    shutil.rmtree(store, ignore_errors=True)
    command = [sys.executable, "-m", "ingest.cli", folder, "--store", store, "--json"]
    seconds, printed = _run(command, settings)
    return seconds, int(json.loads(printed.splitlines()[-1])["n_chunks"])


def _timed(command: list[object], settings: dict[str, str]) -> tuple[float, int]:
    seconds, printed = _run(command, settings)
    return seconds, int(printed.splitlines()[-1])


def _run(command: list[object], settings: dict[str, str]) -> tuple[float, str]:
    environment = os.environ | settings | {"HF_HUB_OFFLINE": "1", "HAYSTACK_TELEMETRY_ENABLED": "False"}
    started = time.perf_counter()
    done = subprocess.run(
        [str(word) for word in command], env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[:3]} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - started, done.stdout.strip()


def _peers(folder: Path) -> Path:
    """Python of an environment that has the peers and, behind them, the packages of this one."""
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        venv.create(folder, with_pip=True, clear=True)
        own = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        Path(own, "behind.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        subprocess.run([python, "-m", "pip", "install", "-q", *PEERS], check=True)
        (folder / "ready").touch()
    return python


if __name__ == "__main__":
    sys.exit(main())
