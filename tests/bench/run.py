"""Run every benchmark over the sets in a folder and write the results: `make bench BENCH=DIR`.

python tests/bench/run.py --bench DIR [--only search ask checking claims pdf ocr]
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = ("search", "ask", "checking", "claims", "pdf", "ocr")
RESULTS = HERE.parent.parent / "data" / "results"


def main() -> int:
    """Run the parts one after the other; each writes its own file, to which commit, date and machine are added."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    options = parser.parse_args()
    for part in options.only:
        out = RESULTS / f"{part}-dev.json"
        command = [sys.executable, str(HERE / f"bench_{part}.py"), "--out", str(out)]
        if part not in ("claims", "ocr"):  # which have what they measure in `data`
            command += ["--bench", str(options.bench)]
        if subprocess.run(command, check=False).returncode:
            return 1
        results = json.loads(out.read_text(encoding="utf-8"))
        results.update(measured())
        out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def measured() -> dict[str, str]:
    """What every result file says of itself: commit, date and machine."""
    return {"commit": commit(), "date": datetime.now(UTC).date().isoformat(), "machine": machine()}


def commit() -> str:
    """Short name of the commit that was measured, with a mark where the tree had other changes."""
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=HERE)
    return done.stdout.strip() or "unknown"


def machine() -> str:
    """Processor architecture and number of cores."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"


if __name__ == "__main__":
    sys.exit(main())
