"""Ingest the corpora of the benchmark sets with the `ingest` command, search them, and print the figures with intervals.

    python tests/bench/bench_search.py --bench DIR --out FILE [--sets scifact ...] [--limit N] [--stores DIR]

A store is made once per set under --stores (default data/cache/bench) and used again while it fits the embedder.
"""

import sys

from sets import evaluated, options_for, run_sets

SETS = ("scifact", "squad2", "xquad_en", "xquad_es", "xquad_de", "xquad_es2en", "clapnq", "chunking_evaluation", "kgrag_sec10q")


def main() -> int:
    """Run the sets that are named and write one result file."""
    options = options_for(__doc__, SETS, limit=0)
    return run_sets(options, {}, lambda name: evaluated(name, options, ("retrieval",)), "questions.jsonl")


if __name__ == "__main__":
    sys.exit(main())
