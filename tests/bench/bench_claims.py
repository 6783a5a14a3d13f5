"""Check the project's own claims (`data/checking`): score per kind of change and language, and how long an answer takes.

    python tests/bench/bench_claims.py --out FILE [--model NAME]

The minimal pairs are hard on purpose; the parallel cases say whether Spanish is checked as well as English. Intervals: 95 %
of bootstrap resamples of source texts.
"""

import argparse
import json
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from run import measured

from rag.checker.check import Checker, check_answer
from rag.checker.support import LogisticSupport
from rag.evaluation.checking import checking_figures

ROOT = Path(__file__).resolve().parent.parent.parent
SETS = ("minimal-pairs", "parallel")
SHOWN = ("F1", "balanced accuracy", "macro-F1", "AUROC")
_ROUNDS = 30


def main() -> int:
    """Check both sets and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--model", choices=["shipped", "overlap"], default="shipped")
    options = parser.parse_args()
    checker = Checker(model=LogisticSupport()) if options.model == "overlap" else Checker()
    results: dict[str, Any] = {"checker": checker.name, "version": checker.version, "threshold": checker.threshold}
    results |= measured()
    results["sets"] = {}
    for name in SETS:
        pairs = [json.loads(line) for line in (ROOT / "data" / "checking" / f"{name}.jsonl").open(encoding="utf-8")]
        results["sets"][name] = run(name, pairs, checker)
    results["six_claims_ms"] = latency(checker)
    print(f"\nsix claims, three passages: {results['six_claims_ms']}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def run(name: str, pairs: Sequence[dict[str, Any]], checker: Checker) -> dict[str, Any]:
    """Figures for each language, the difference between them, and the share of right verdicts for each kind."""
    outputs = [
        {"id": pair["id"], **check_answer(pair["answer"], [(s["id"], s["text"]) for s in pair["sources"]], checker)}
        for pair in pairs
    ]
    languages = sorted({pair["lang"] for pair in pairs})
    found: dict[str, Any] = {"n": len(pairs), "languages": {}, "kinds": {}}
    for language in languages:
        own = [pair for pair in pairs if pair["lang"] == language]
        rows = checking_figures(own, [o for o, p in zip(outputs, pairs, strict=True) if p["lang"] == language])
        found["languages"][language] = [row for row in rows if row["metric"].removeprefix("all: ") in SHOWN]
    right = np.array([o["supported"] == (p["label"] == "supported") for o, p in zip(outputs, pairs, strict=True)])
    groups: dict[str, list[int]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        groups[f"{pair['kind']} {pair['lang']} {pair['label']}"].append(number)
    found["kinds"] = {key: {"n": len(rows), "right": round(100 * float(right[rows].mean()), 1)} for key, rows in groups.items()}
    _print(name, found, languages)
    return found


def _print(name: str, found: dict[str, Any], languages: Sequence[str]) -> None:
    print(f"\n{name}: {found['n']} claims")
    for language in languages:
        for row in found["languages"][language]:
            print(f"  {language} {row['metric']:<28} {row['value']:6.1f} [{row['low']:.1f}, {row['high']:.1f}] n={row['n']}")
    kinds = sorted({key.split(" ")[0] for key in found["kinds"]})
    print(
        f"  {'right verdicts, %':<14}"
        + "".join(f"{lang + ' ' + label:>18}" for lang in languages for label in ("sup", "unsup"))
    )
    for kind in kinds:
        cells = [
            found["kinds"].get(f"{kind} {lang} {label}", {}).get("right")
            for lang in languages
            for label in ("supported", "unsupported")
        ]
        print(f"  {kind:<14}   " + "".join(f"{'-' if cell is None else cell:>18}" for cell in cells))


def latency(checker: Checker) -> dict[str, float]:
    """Milliseconds for an answer of six claims that cite three passages, texts not seen before."""
    pairs = [json.loads(line) for line in (ROOT / "data" / "checking" / "minimal-pairs.jsonl").open(encoding="utf-8")]
    claims = [pair for pair in pairs if pair["lang"] == "en"]
    times = []
    for number in range(_ROUNDS):
        part = claims[6 * number : 6 * number + 6]
        texts = list(dict.fromkeys(pair["sources"][0]["text"] for pair in part))
        sources = [(f"s{i}", text) for i, text in enumerate(texts)]
        answer = " ".join(f"{pair['answer']} [s{texts.index(pair['sources'][0]['text'])}]" for pair in part)
        started = time.perf_counter()
        check_answer(answer, sources, checker)
        times.append(1000 * (time.perf_counter() - started))
    times = times[2:]  # the first ones load the weights
    return {"p50": round(statistics.median(times), 1), "p95": round(float(np.percentile(times, 95)), 1), "n": len(times)}


if __name__ == "__main__":
    raise SystemExit(main())
