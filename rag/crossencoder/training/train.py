"""Train the cross-encoder: `python -m rag.crossencoder.training.train --rows FILE --folder DIR --steps N --decay M`.

The learning rate rises, stays, and falls over the last `decay` steps, so that a run can be ended early: stop it, and start it
again in the same folder with fewer steps. It goes on from the last checkpoint. Rows are taken in an order that depends on the
seed alone; a batch holds rows of about the same length, as many as `--tokens` allow.
"""

import argparse
import json
import pickle
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rag.crossencoder.training.network import CrossEncoder, from_packaged_model, frozen, thinned
from rag.crossencoder.training.restore import restore
from rag.crossencoder.training.rows import IGNORED, Row

SEED = 20
_SORTED = 1024  # rows sorted by length together
_WARM_UP = 60
_TAG_WEIGHT, _SPAN_WEIGHT = 0.5, 0.5
_WRONG_WORD_WEIGHT = 2.0
_ROWS = "of each file all rows, or those whose source begins with one of these, and of them all or a share"


def main() -> None:
    """Train from the last checkpoint in the folder, or from the packaged model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", nargs="+", required=True, metavar="FILE[:SOURCE,...][=SHARE]", help=_ROWS)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--decay", type=int, required=True, help="steps over which the learning rate falls to nothing")
    parser.add_argument("--tokens", type=int, default=4096, help="tokens of a batch")
    parser.add_argument("--rate", type=float, default=1.2e-4)
    parser.add_argument("--frozen", type=int, default=1, help="lowest layers that stay as they are")
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--weights", type=Path, help="file that ships: where a run without a checkpoint starts from")
    parser.add_argument("--after", type=Path, help="checkpoint of another run, which a run without one goes on from, at step 0")
    parser.add_argument("--layers", metavar="N,...", help="layers to keep, 0 the lowest; all if not given")
    parser.add_argument("--seed", type=int, default=SEED, help="order of the rows, and which of them a share takes")
    parser.add_argument("--bf16", action="store_true", help="multiply in 16 bits, for processors that do so faster")
    options = parser.parse_args()
    rows = [row for given in options.rows for row in _read(given, options.seed)]
    torch.manual_seed(options.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = frozen(from_packaged_model(), options.frozen)
    if options.weights and not _checkpoint(options.folder).is_file():
        restore(network, options.weights)
    if options.layers:
        network = thinned(network, [int(number) for number in options.layers.split(",")])
    network = network.to(device)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=options.rate, weight_decay=0.01, fused=True)
    step = _resume(_checkpoint(options.folder), network, optimiser)
    if not step and options.after:
        _resume(options.after, network, optimiser)
    options.folder.mkdir(parents=True, exist_ok=True)
    batches = _batches(rows, options.tokens, options.seed)
    for _ in range(step):
        next(batches)
    network.train()
    sums: dict[str, float] = {}
    since = time.perf_counter()
    while step < options.steps:
        for group in optimiser.param_groups:
            group["lr"] = options.rate * _share(step, options.steps, options.decay)
        with torch.autocast(device, torch.bfloat16, enabled=options.bf16):
            losses = _losses(network, next(batches), device)
        total = torch.stack(list(losses.values())).sum()
        total.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        step += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if step % 20 == 0:
            line = {name: round(value / 20, 3) for name, value in sums.items()}
            print(json.dumps({"step": step, "seconds": round(time.perf_counter() - since), **line}), flush=True)
            sums = {}
        if step % options.every == 0 or step == options.steps:
            _save(options.folder, step, network, optimiser)


def _read(given: str, seed: int) -> list[Row]:
    """Rows of a file, those of some sources, drawn with the seed where only a share is wanted."""
    where, _, share = given.partition("=")
    name, _, sources = where.partition(":")
    with Path(name).open("rb") as file:
        rows: list[Row] = pickle.load(file)
    rows = [row for row in rows if row.source.startswith(tuple(sources.split(",")))]
    return random.Random(seed).sample(rows, round(float(share) * len(rows))) if share else rows


def _share(step: int, steps: int, decay: int) -> float:
    """Share of the full learning rate at a step."""
    return min((step + 1) / _WARM_UP, 1.0, (steps - step) / max(decay, 1))


def _checkpoint(folder: Path) -> Path:
    return folder / "checkpoint.pt"


def _resume(path: Path, network: CrossEncoder, optimiser: torch.optim.Optimizer) -> int:
    """Take over network and optimiser of a checkpoint, and return its step; 0 where there is none."""
    if not path.is_file():
        return 0
    kept = torch.load(path, map_location="cpu", weights_only=True)
    network.load_state_dict(kept["network"])
    optimiser.load_state_dict(kept["optimiser"])
    return int(kept["step"])


def _save(folder: Path, step: int, network: CrossEncoder, optimiser: torch.optim.Optimizer) -> None:
    new = folder / "checkpoint.new"
    torch.save({"step": step, "network": network.state_dict(), "optimiser": optimiser.state_dict()}, new)
    new.replace(_checkpoint(folder))


def _batches(rows: Sequence[Row], tokens: int, seed: int) -> Iterator[list[Row]]:
    """Batches without end: epoch after epoch, each in an order of its own."""
    epoch = 0
    while True:
        rng = random.Random(f"{seed} {epoch}")
        order = list(rows)
        rng.shuffle(order)
        found: list[list[Row]] = []
        for at in range(0, len(order), _SORTED):
            batch: list[Row] = []
            block: list[list[Row]] = []
            for row in sorted(order[at : at + _SORTED], key=lambda row: len(row.ids)):
                if batch and (len(batch) + 1) * len(row.ids) > tokens:
                    block.append(batch)
                    batch = []
                batch.append(row)
            block.append(batch)
            rng.shuffle(block)
            found += block
        yield from found
        epoch += 1


def tensors(rows: Sequence[Row], device: str = "cpu") -> dict[str, Tensor]:
    """Inputs and targets of a batch, padded: what the network reads, and IGNORED where a row says nothing."""
    width = max(len(row.ids) for row in rows)
    padded: dict[str, list[Any]] = {name: [] for name in ("ids", "mask", "types", "tags")}
    for row in rows:
        blank = width - len(row.ids)
        n_second = len(row.ids) - row.n_first - 2
        padded["ids"].append([*row.ids, *[0] * blank])
        padded["mask"].append([1] * len(row.ids) + [0] * blank)
        padded["types"].append([0] * (row.n_first + 2) + [1] * n_second + [0] * blank)
        padded["tags"].append([IGNORED, *row.tags, *[IGNORED] * (width - 1 - len(row.tags))])
    found = {name: torch.tensor(values, device=device) for name, values in padded.items()}
    found["support"] = torch.tensor([row.support for row in rows], device=device)
    found["answers"] = torch.tensor([row.answers for row in rows], device=device)
    found["span"] = torch.tensor([row.span for row in rows], device=device)
    return found


def _losses(network: CrossEncoder, rows: Sequence[Row], device: str) -> dict[str, Tensor]:
    """Loss of each head that this batch teaches; each counts by its share of the batch."""
    batch = tensors(rows, device)
    support, answers, tags, spans = (found.float() for found in network(batch["ids"], batch["mask"], batch["types"]))
    losses: dict[str, Tensor] = {}
    n = len(rows)
    claims = batch["support"] != IGNORED
    if claims.any():
        losses["support"] = nn.functional.cross_entropy(support[claims], batch["support"][claims]) * claims.sum() / n
        known = batch["tags"] != IGNORED
        if known.any():
            weight = torch.tensor(_WRONG_WORD_WEIGHT, device=tags.device)
            loss = nn.functional.binary_cross_entropy_with_logits(tags[known], batch["tags"][known].float(), pos_weight=weight)
            losses["tags"] = _TAG_WEIGHT * loss * claims.sum() / n
    asked = batch["answers"] != IGNORED
    if asked.any():
        goal = batch["answers"][asked].float()
        losses["answers"] = nn.functional.binary_cross_entropy_with_logits(answers[asked], goal) * asked.sum() / n
    marked = batch["span"][:, 0] != IGNORED
    if marked.any():
        visible = (batch["types"] == 1) & (batch["mask"] == 1)
        visible[:, 0] = True
        logits = spans.masked_fill(~visible.unsqueeze(-1), -1e4)[marked]
        loss = nn.functional.cross_entropy(logits.transpose(1, 2).flatten(0, 1), batch["span"][marked].flatten())
        losses["spans"] = _SPAN_WEIGHT * loss * marked.sum() / n
    return losses


if __name__ == "__main__":
    main()
