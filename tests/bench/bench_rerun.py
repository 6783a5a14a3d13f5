"""Time a run of `ingest` over a folder in which nothing has changed, and its comparison against a bare walk with stat.

    python tests/bench/bench_rerun.py --out data/results/rerun.json [--files 10000] [--times 7]

The folder and the store are made in a temporary directory; a fake embedder that bears the default one's name fills the store,
as nothing is to be embedded when nothing has changed. Walk and comparison are timed by turns in one process.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from run import measured

from ingest.chunker import ChunkerSettings
from ingest.config import COMBINED
from ingest.embedder import Vectors
from ingest.pipeline import ingest_folder
from ingest.plan import make_plan
from ingest.scan import Scan
from ingest.store import Store


class NoEmbedder:
    """The default embedder's name and sizes, and the same vector for every text."""

    name, identity, dim, max_tokens = COMBINED, "none", 896, 256
    languages = counted_languages = ("en",)

    def encode(self, texts: list[str]) -> Vectors:
        """Vectors of no meaning."""
        return np.full((len(texts), self.dim), self.dim**-0.5, dtype=np.float32)

    encode_queries = encode

    def token_starts(self, text: str) -> list[int]:
        """Words stand in for tokens."""
        return list(range(0, len(text), 6))


def main() -> int:
    """Make folder and store, time the runs, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--times", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder, store = Path(made) / "docs", Path(made) / "store"
        make_folder(folder, options.files)
        started = time.perf_counter()
        ingest_folder(folder, store, NoEmbedder(), ChunkerSettings())
        first = time.perf_counter() - started
        command = [sys.executable, "-m", "ingest.cli", str(folder), "--store", str(store), "--json"]
        settle(command)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        commands = [seconds_of(lambda: settle(command)) for _ in range(options.times)]
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walks, comparisons, loads = by_turns(folder, store, options.times)
    results = {
        **measured(),
        "files": options.files,
        "n": options.times,
        "first_run_s": round(first, 2),
        "command_s": spread(commands),
        "command_cpu_s": round((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / options.times, 3),
        "walk_with_stat_s": spread(walks),
        "comparison_s": spread(comparisons),
        "states_read_s": spread(loads),
        "comparison_to_walk": spread([c / w for c, w in zip(comparisons, walks, strict=True)]),
        "load_average": os.getloadavg()[0],
    }
    print(json.dumps(results, indent=1))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def make_folder(folder: Path, n_files: int) -> None:
    """Write small files, a hundred a folder."""
    for number in range(n_files):
        path = folder / f"group-{number // 100:03}" / f"note-{number:05}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Note {number}. The valve with number {number} opens at {number % 97} bar.\n", encoding="utf-8")


def settle(command: list[str]) -> None:
    """Run the command over a folder that did not change."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    report = json.loads(done.stdout)
    if report["added"] or report["changed"] or report["removed"] or report["n_chunks"]:
        raise SystemExit("the run found changes where there are none")


def by_turns(folder: Path, store: Path, times: int) -> tuple[list[float], list[float], list[float]]:
    """Seconds of bare walks, of comparisons, and of reading what is known."""
    walks, comparisons, loads = [], [], []
    for _ in range(times):
        walks.append(seconds_of(lambda: walk(folder)))
        opened = Store.open(store)
        source = opened.manifest.sources[0]
        started = time.perf_counter()
        known = opened.states(source.name)
        loads.append(time.perf_counter() - started)
        started = time.perf_counter()
        plan = make_plan(Scan(folder, source, store), known)
        comparisons.append(time.perf_counter() - started)
        if plan.read or len(plan.unchanged) != len(known):
            raise SystemExit("the comparison found changes where there are none")
    return walks, comparisons, loads


def walk(folder: Path) -> int:
    """Walk a folder and stat every file: what any comparison has to do."""
    return sum(os.stat(os.path.join(here, name)).st_size for here, _, names in os.walk(folder) for name in names)  # noqa: PTH116, PTH118


def seconds_of(run: Callable[[], object]) -> float:
    """Seconds that something takes."""
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


def spread(values: list[float]) -> dict[str, float]:
    """Median, least and most."""
    return {
        "median": round(statistics.median(values), 4),
        "least": round(min(values), 4),
        "most": round(max(values), 4),
    }


if __name__ == "__main__":
    sys.exit(main())
