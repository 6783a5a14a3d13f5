"""What the path through this product costs beside plain `generate`: memory, time to the first token, tokens a second.

    python tests/bench/bench_gpt_oss.py --out FILE [--shape tiny | small | 20b] [--weights FOLDER] [--tokens N] [--rounds N]

A model of a true shape has random weights in MXFP4, made once under --folder, unless --weights names a folder with real ones.
On a GPU that computes with MXFP4 they stay as they are, on a processor they are unpacked. Random weights write nonsense, so for
each token that is computed one of a written reply is taken: rendering, reading, guarding and streaming then do the work that
they do for a real answer. Both ways compute as many tokens from the same prompt, in turns.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from random_weights import SHAPES, random_gpt_oss
from run import commit, machine
from transformers.utils import logging

from rag.answers import Passage
from rag.generators import Request
from rag.generators.harmony.generator import HarmonyGenerator, Settings
from rag.generators.harmony.servers import Sampling
from rag.generators.harmony.transformers import TransformersRuntime, this_machine
from rag.generators.harmony.vocabulary import encoding

ROOT = Path(__file__).resolve().parents[2]
_SAID = "The sample says in this sentence what a reader may want to know about its matter"


def main() -> int:
    """Time both ways in turns and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--shape", choices=tuple(SHAPES), default="small")
    parser.add_argument("--weights", type=Path, help="a folder with real weights instead of random ones")
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "cache" / "bench", help="where random weights are kept")
    parser.add_argument("--tokens", type=int, default=256, help="tokens of the reply, about")
    parser.add_argument("--passages", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    logging.disable_progress_bar()
    folder = options.weights or random_gpt_oss(options.shape, options.folder)
    result = {
        "model": options.weights.name if options.weights else f"shape {options.shape}, random weights",
        **measured(folder, options.tokens, options.passages, options.rounds),
        "commit": commit(),
        "machine": torch.cuda.get_device_name() if torch.cuda.is_available() else machine(),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))
    return 0


class Steered:
    """A runtime that computes and gives the tokens of a script, one for each that was computed."""

    def __init__(self, runtime: TransformersRuntime, script: Sequence[int]) -> None:
        self.name = runtime.name
        self.context_tokens = runtime.context_tokens
        self.check = runtime.check
        self.prompt: list[int] = []
        self.first_s = 0.0
        self._runtime = runtime
        self._script = script

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float) -> Iterator[Sequence[int]]:
        """Give the script; fails where the model comes to an end before it."""
        self.prompt, n, started = list(ids), 0, time.perf_counter()
        for some in self._runtime.complete(ids, max_tokens=len(self._script), timeout_s=timeout_s):
            self.first_s = self.first_s or time.perf_counter() - started
            yield self._script[n : n + len(some)]
            n += len(some)
        assert n >= len(self._script), f"the model ended after {n} tokens"


def measured(folder: Path, n_tokens: int, n_passages: int, rounds: int) -> dict[str, Any]:
    """Run both ways `rounds` times in turns, after one that does not count."""
    dtype = "float32" if this_machine().device == "cpu" else "auto"
    runtime = TransformersRuntime(str(folder), sampling=Sampling(temperature=0.0), dtype=dtype)
    script = written(n_tokens)
    request = Request("What does the sample say?", passages(n_passages), "en")
    settings = Settings(max_output_tokens=len(script) + 1024, timeout_s=3600.0, date="2026-11-23")
    rows: list[dict[str, float]] = []
    for _ in range(rounds + 1):
        steered = Steered(runtime, script)
        row: dict[str, float] = {}
        draft = _run(row, "ours", lambda: HarmonyGenerator(steered, settings).generate(request))  # noqa: B023
        assert draft.text.count(_SAID) > n_tokens // 50, f"the reply did not come through: {draft}"
        _run(row, "plain", lambda: plain(runtime, steered.prompt, len(script)))  # noqa: B023
        _run(row, "first", lambda: plain(runtime, steered.prompt, 1))  # noqa: B023
        rows.append(row | {"ours_first_s": steered.first_s})
    return {
        "prompt_tokens": len(steered.prompt),
        "reply_tokens": len(script),
        "dtype": dtype,
        **_summary(rows[1:], len(script)),
    }


def plain(runtime: TransformersRuntime, prompt: Sequence[int], n: int) -> None:
    """Let transformers alone write `n` tokens."""
    model = runtime._model
    ids = torch.tensor([prompt], device=model.device)
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=n, min_new_tokens=n, do_sample=False)
    assert out.shape[1] == len(prompt) + n


def written(n_tokens: int) -> list[int]:
    """A reply of about `n_tokens` as the model would write it: some reasoning, then an answer with citations."""
    head = "<|channel|>analysis<|message|>Lines of the search say it.<|end|><|start|>assistant<|channel|>final<|message|>"
    sentences: list[str] = []
    while len(ids := encoding().encode(f"{head}{' '.join(sentences)}<|return|>", allowed_special="all")) < n_tokens:
        sentences.append(f"{_SAID} 【0†L{len(sentences) + 5}】.")
    return list(ids)


def passages(n: int) -> list[Passage]:
    """As many passages of some 200 tokens."""
    texts = [" ".join(f"{_SAID}, part {number} of {rank}." for number in range(10)) for rank in range(n)]
    return [Passage(f"c{rank}", f"sample-{rank}.md", 0, len(text), text, None, 1.0, rank) for rank, text in enumerate(texts, 1)]


def _run(row: dict[str, float], name: str, work: Callable[[], Any]) -> Any:
    """Time the work, and on a GPU take the memory at its height."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    done = work()
    row[f"{name}_s"] = time.perf_counter() - started
    row[f"{name}_gb"] = torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else 0.0
    return done


def _summary(rows: Sequence[dict[str, float]], n: int) -> dict[str, Any]:
    def middle(name: str) -> float:
        return statistics.median(row[name] for row in rows)

    ratios = sorted(row["ours_s"] / row["plain_s"] for row in rows)
    found = {
        "rounds": len(rows),
        "overhead_percent": {
            "median": round(100 * (statistics.median(ratios) - 1), 1),
            "low": round(100 * (ratios[0] - 1), 1),
            "high": round(100 * (ratios[-1] - 1), 1),
        },
        "whole_s": {"ours": round(middle("ours_s"), 3), "plain": round(middle("plain_s"), 3)},
        "first_token_s": {"ours": round(middle("ours_first_s"), 3), "plain": round(middle("first_s"), 3)},
        "tokens_per_s": {
            "ours": round((n - 1) / (middle("ours_s") - middle("ours_first_s")), 1),
            "plain": round((n - 1) / (middle("plain_s") - middle("first_s")), 1),
        },
    }
    if torch.cuda.is_available():
        found["peak_gb"] = {"ours": round(middle("ours_gb"), 2), "plain": round(middle("plain_gb"), 2)}
    return found


if __name__ == "__main__":
    sys.exit(main())
