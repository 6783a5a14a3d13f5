"""Peak memory of the whole `ingest` command, its workers included, over the largest PDFs of real collections.

    python tests/bench/bench_memory.py --bench DIR --out FILE [--files 2]

Memory is the proportional set size of all its processes, summed, as the system tells it ten times a second: what two of them
share counts once. The largest worker is told by the resident memory that is its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import commit, machine

SETS = ("kgrag_sec10q", "financebench")
ROOT = Path(__file__).resolve().parent.parent.parent
_MB = 1_048_576


def main() -> int:
    """Ingest the largest files of each set, all at once, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--files", type=int, default=2)
    options = parser.parse_args()
    chosen = [
        path
        for name in SETS
        for path in sorted((options.bench / name / "corpus").glob("*.pdf"), key=lambda path: -path.stat().st_size)[
            : options.files
        ]
    ]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "docs").mkdir()
        for path in chosen:
            (Path(folder) / "docs" / path.name).symlink_to(path.resolve())
        result = measure([sys.executable, "-m", "ingest.cli", f"{folder}/docs", "--store", f"{folder}/store", "--events"])
    result |= {"files": {path.name: path.stat().st_size for path in chosen}, "commit": commit(), "machine": machine()}
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


def measure(command: list[str]) -> dict[str, object]:
    """Run a command of ingestion and watch its processes."""
    started = time.monotonic()
    whole, worker, n_most = 0, 0, 0
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, text=True)
        while process.poll() is None:
            below = children(process.pid)
            whole = max(whole, sum(map(proportional_bytes, [process.pid, *below])))
            worker = max([worker, *map(own_bytes, below)])
            n_most = max(n_most, len(below))
            time.sleep(0.1)
        out.seek(0)
        *events, report = map(json.loads, out)
    return {
        "peak_mb": round(whole / _MB),
        "largest_worker_mb": round(worker / _MB),
        "workers": n_most,
        "seconds": round(time.monotonic() - started),
        "read_s": {event["document"]: round(event["seconds"], 1) for event in events if event["event"] == "read"},
        "n_chunks": report["n_chunks"],
        "failed": report["failed"],
        "exit_status": process.returncode,
    }


def children(pid: int) -> list[int]:
    """Processes that a process started."""
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []


def proportional_bytes(pid: int) -> int:
    """Memory of a process, what it shares with others by its share."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def own_bytes(pid: int) -> int:
    """Memory that a process has touched and no file stands behind."""
    try:
        _, resident, shared, *_ = map(int, Path(f"/proc/{pid}/statm").read_text().split())
    except (OSError, ValueError):
        return 0
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())
