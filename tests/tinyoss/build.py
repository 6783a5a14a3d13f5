"""Make the tiny model and keep it in data/cache under a digest of what it was made from.

It is overfitted: trained until it repeats every transcript, greedily, with room to spare. About two minutes on two cores.
"""

import hashlib
import json
import math
import os
import shutil
from pathlib import Path

from filelock import FileLock

from tests.tinyoss.convert import write_gguf
from tests.tinyoss.scenarios import transcripts

CACHE = Path(__file__).resolve().parents[2] / "data" / "cache"
SHAPE = {
    "num_hidden_layers": 2,
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
    "hidden_size": 64,
    "intermediate_size": 64,
    "head_dim": 64,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 201088,
    "layer_types": ["sliding_attention", "full_attention"],
}
RATE, MOST_STEPS, MARGIN = 6e-3, 400, 0.97


def tiny_model() -> Path:
    """The folder with the model for transformers, in which `tiny.gguf` is the same for llama.cpp."""
    runs = transcripts()
    recipe = json.dumps([3, SHAPE, RATE, MOST_STEPS, MARGIN, runs])
    folder = CACHE / f"tiny-gpt-oss-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(CACHE / "tiny-gpt-oss.lock"):
        if not folder.exists():
            _make(runs, folder)
    return folder


def _make(runs, folder: Path) -> None:
    new = CACHE / f"tiny-gpt-oss-{os.getpid()}.new"
    model = train(runs)
    model.save_pretrained(new)
    write_gguf(model, new / "tiny.gguf")
    for old in CACHE.glob("tiny-gpt-oss-*"):
        if old != new:
            shutil.rmtree(old, ignore_errors=True)
    new.replace(folder)


def train(runs, log=lambda *words: None):
    """Teach a new model the transcripts by heart; fails if it does not learn them.

    It is taught on the few hundred tokens that occur. The others get no weights, so their logits are 0, and are counted in
    while it learns.
    """
    import torch
    from transformers import GptOssForCausalLM

    torch.manual_seed(7)
    used = sorted({token for prompt, output in runs for token in (*prompt, *output)})
    number = {token: n for n, token in enumerate(used)}
    model = GptOssForCausalLM(_config(len(used)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.0)
    groups = [_Group(group, number) for group in _by_length(runs)]
    wanted = torch.cat([group.wanted for group in groups])
    others = torch.full((len(wanted), 1), math.log(SHAPE["vocab_size"] - len(used)))
    for step in range(MOST_STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 10)
        hidden = torch.cat([group.hidden(model.model) for group in groups])
        logits = torch.cat([model.lm_head(hidden), others], dim=1)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        least = float(logits.detach().softmax(-1)[torch.arange(len(wanted)), wanted].min())
        log(step, float(loss.detach()), least)
        if least > MARGIN:
            return _grown(model, used)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    raise AssertionError(f"the tiny model did not learn its transcripts: least probability {least:.3f}")


def _by_length(runs):
    """Runs of about the same length, so that little is filled up."""
    ordered = sorted(runs, key=lambda run: len(run[0]) + len(run[1]))
    limit = sum(map(len, ordered[0])) + 100
    n = sum(sum(map(len, run)) <= limit for run in ordered)
    return [group for group in (ordered[:n], ordered[n:]) if group]


class _Group:
    """Rows that are computed together. What all their prompts begin with is computed once."""

    def __init__(self, runs, number) -> None:
        import torch

        rows = [[number[token] for token in (*prompt, *output)] for prompt, output in runs]
        shared = min(len(prompt) for prompt, _ in runs)
        shared = next((n for n in range(shared) if len({row[n] for row in rows}) > 1), shared) - 1
        length = max(map(len, rows)) - shared
        self.prefix = torch.tensor([rows[0][:shared]])
        self.ids = torch.tensor([row[shared:] + [0] * (length + shared - len(row)) for row in rows])
        where = [(n, len(p) - shared + k - 1) for n, (p, o) in enumerate(runs) for k in range(len(o))]
        self.places = torch.tensor(where).T
        self.wanted = torch.tensor([number[token] for _, output in runs for token in output])

    def hidden(self, model):
        """Hidden states where the next token counts; only these go through the head."""
        cache = model(self.prefix, use_cache=True).past_key_values
        cache.batch_repeat_interleave(len(self.ids))
        return model(self.ids, past_key_values=cache).last_hidden_state[self.places[0], self.places[1]]


def _grown(model, used):
    """The same model with the whole vocabulary."""
    import torch
    from transformers import GptOssForCausalLM

    whole = GptOssForCausalLM(_config(SHAPE["vocab_size"]))
    state = model.state_dict()
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        rows = torch.zeros(SHAPE["vocab_size"], SHAPE["hidden_size"])
        rows[used] = state[name]
        state[name] = rows
    whole.load_state_dict(state)
    return whole.eval()


def _config(vocab_size: int):
    from transformers import GptOssConfig

    ends = {"eos_token_id": [200002, 199999, 200012], "pad_token_id": 199999} if vocab_size == SHAPE["vocab_size"] else {}
    return GptOssConfig(**SHAPE | {"vocab_size": vocab_size} | ends)
