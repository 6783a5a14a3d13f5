"""Average the weights of checkpoints of one training: `python -m rag.crossencoder.training.average A=0.4 B=0.6 --out FILE`.

A later stage of a training loses some of what an earlier one knew; between both lies a network that is as good as either
nearly everywhere (source: Wortsman et al. 2022, "Model soups", arXiv:2203.05482).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a checkpoint that holds the averaged network and no state of an optimiser."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoints", nargs="+", metavar="FILE=SHARE", help="the shares add up to 1")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    given = [text.rpartition("=") for text in options.checkpoints]
    networks = [torch.load(name, map_location="cpu", weights_only=True)["network"] for name, _, _ in given]
    torch.save({"step": 0, "network": averaged(networks, [float(share) for *_, share in given])}, options.out)


def averaged(networks: Sequence[dict[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """The weighted mean of every weight.

    Raises: ValueError when the shares do not add up to 1, or the networks have not the same weights.
    """
    if abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"the shares add up to {sum(shares):g}, not to 1")
    names = set(networks[0])
    if any(set(network) != names for network in networks):
        raise ValueError("the checkpoints are of different networks")
    mean = dict(networks[0])
    for name, value in mean.items():
        if value.is_floating_point():
            parts = torch.stack([share * network[name].float() for share, network in zip(shares, networks, strict=True)])
            mean[name] = parts.sum(dim=0).to(value.dtype)
    return mean


if __name__ == "__main__":
    main()
