"""A network to train on from a file that ships: its 8 bits read back into numbers.

The runs that made the file are gone with their machines; what they learnt is not. Rounding to 8 bits costs less than the first
steps of a further run bring. Moments of the optimiser are not kept, so its rate rises anew.
"""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from rag.crossencoder.training.network import CrossEncoder

_PARTS = ("query", "key", "value")
_ATTENTION = re.compile(r"Attention_(\d+)_quant")
_MATRIX = re.compile(r"/(?P<place>[\w./]+?)/(?:Gemm_)?MatMul_quant")


def restore(network: CrossEncoder, path: Path) -> CrossEncoder:
    """Put the weights of an exported file into a network of the same shape; its embeddings stay as they are.

    Raises: ValueError when the file lacks a weight, as one of another architecture would.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(path)).graph
    held = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    found: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        if node.op_type == "QAttention" and (match := _ATTENTION.fullmatch(node.name)):
            stem = f"body.encoder.layer.{match[1]}.attention.self"
            weights = np.split(_numbers(held, node.input[1]), 3, axis=1)
            biases = np.split(held[node.input[2]], 3)
            for part, weight, bias in zip(_PARTS, weights, biases, strict=True):
                found[f"{stem}.{part}.weight"], found[f"{stem}.{part}.bias"] = weight.T, bias
        elif node.op_type == "MatMulInteger" and (match := _MATRIX.fullmatch(node.name)):
            found[f"{_parameter(match['place'])}.weight"] = _numbers(held, node.input[1]).T
    wanted = {name: value for name, value in network.state_dict().items() if not name.startswith("body.embeddings.")}
    found |= {name: value for name, value in held.items() if name in wanted}
    if missing := sorted(wanted.keys() - found.keys()):
        raise ValueError(f"cannot go on from `{path}`: it has no `{missing[0]}`. Take a file that `export` wrote.")
    shapes = {name: value.shape for name, value in wanted.items()}
    kept = {name: torch.tensor(np.array(found[name], np.float32)).reshape(shape) for name, shape in shapes.items()}
    network.load_state_dict(kept, strict=False)
    return network


def _numbers(held: dict[str, NDArray[Any]], name: str) -> NDArray[np.float32]:
    """A matrix of 8 bits as numbers; a scale and a zero for each of its columns."""
    stem = name.removesuffix("_quantized")
    zero = held[f"{stem}_zero_point"].astype(np.float32)
    return np.asarray((held[name].astype(np.float32) - zero) * held[f"{stem}_scale"], dtype=np.float32)


def _parameter(place: str) -> str:
    """Name of a layer from its place in the graph, where a head stands before its own layers: `support/support.0`."""
    head, _, rest = place.partition("/")
    return rest if rest.startswith(f"{head}.") else place.replace("/", ".")
