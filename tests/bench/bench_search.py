"""Ingest the corpora of the benchmark sets with the `ingest` command, search them, and print the figures with intervals.

    python tests/bench/bench_search.py --bench DIR --out FILE [--sets scifact ...] [--limit N] [--stores DIR]

Sets that are not run stay in FILE as they were. A store is made once
per set under --stores (default data/cache/bench) and used again while it fits the embedder.
"""

import sys

from sets import evaluated, options_for, run_sets

SETS = (
    "sample",
    "scifact",
    "squad2",
    "xquad_en",
    "xquad_es",
    "xquad_de",
    "xquad_es2en",
    "clapnq",
    "chunking_evaluation",
    "kgrag_sec10q",
    "financebench",
)
LIMIT = 400  # questions of a set: more narrow the intervals little, and take hours


def main() -> int:
    """Run the sets that are named and write one result file."""
    options = options_for(__doc__, SETS, LIMIT)
    return run_sets(options, {"limit": options.limit}, lambda name: evaluated(name, options, ("retrieval",)), "questions.jsonl")


if __name__ == "__main__":
    sys.exit(main())
