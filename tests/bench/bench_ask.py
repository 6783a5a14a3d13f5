"""Ask the questions of the benchmark sets and of the sample folder, the whole way, and print what came of it with intervals.

    python tests/bench/bench_ask.py --bench DIR --out FILE [--sets squad2 ...] [--limit N] [--stores DIR]

Right, wrong and abstained are three numbers: a system that always abstains is never wrong.
"""

import sys

from sets import evaluated, options_for, run_sets

SETS = ("sample", "squad2", "xquad_en", "xquad_es", "clapnq", "nomiracl_es", "nomiracl_en")
PARTS = ("answers", "abstention", "citations")


def main() -> int:
    """Run the sets that are named and write one result file."""
    options = options_for(__doc__, SETS, limit=300)
    results = {"generator": "quote", "limit": options.limit}
    return run_sets(options, results, lambda name: evaluated(name, options, PARTS), "questions.jsonl")


if __name__ == "__main__":
    sys.exit(main())
