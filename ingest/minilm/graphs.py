"""Make the graphs of the packaged MiniLM: `python -m ingest.minilm.graphs`. They hold no weights, only their names.

Exported from torch, layers fused and matrices quantised by the tools of ONNX Runtime; then every weight is taken out and named
as `engine.graph_weights` names it. Needs the packages of the `dev` extra.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

from ingest.minilm.engine import DIM, packaged_model_folder
from ingest.minilm.layers import HEADS, MATRICES

_LAYER = re.compile(r"encoder\.layer\.(\d+)\.")
_ATTENTION = re.compile(r"Attention_(\d+)(?:_quant)?")
_OWN = "body."  # before the names that the weights' file has, too
_SUFFIXES = {"_quantized": "", "_scale": ".scale", "_zero_point": ".zero"}
_SMALLEST = DIM  # numbers in a weight; less is a constant of the graph


def main() -> None:
    """Write both graphs beside this file."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    folder = Path(__file__).parent
    with tempfile.TemporaryDirectory() as scratch:
        exact, rounded = Path(scratch) / "float32.onnx", Path(scratch) / "int8.onnx"
        _fused(Path(scratch) / "exported.onnx", exact)
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        kinds = ["MatMul", "Attention"]
        quantize_dynamic(exact, rounded, kinds, per_channel=True, weight_type=QuantType.QInt8, extra_options=options)
        for path in (exact, rounded):
            (folder / path.name).write_bytes(without_weights(onnx.load(str(path))).SerializeToString())
            print(folder / path.name, (folder / path.name).stat().st_size, "bytes")


def _fused(exported: Path, out: Path) -> None:
    import torch
    from onnxruntime.transformers import optimizer
    from transformers import BertModel

    class States(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = BertModel.from_pretrained(packaged_model_folder(), add_pooling_layer=False, attn_implementation="eager")

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            return self.body(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    ids = torch.ones((2, 12), dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    torch.onnx.export(
        States().eval(),
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(exported),
        input_names=["ids", "mask", "types"],
        output_names=["states"],
        dynamic_axes=dict.fromkeys(("ids", "mask", "types", "states"), axes),
        opset_version=17,
        dynamo=False,
    )
    graph = optimizer.optimize_model(str(exported), model_type="bert", num_heads=HEADS, hidden_size=DIM, opt_level=0)
    graph.save_model_to_file(str(out))


def without_weights(model: Any) -> Any:
    """The model with every weight replaced by a name to be filled in when it is loaded."""
    import onnx

    graph = model.graph
    names = _names(graph)
    for weight in graph.initializer:
        if weight.name in names:
            size = len(weight.raw_data) or weight.ByteSize()
            for field in ("raw_data", "float_data", "int32_data"):
                weight.ClearField(field)
            weight.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", "weights"), ("offset", "0"), ("length", str(size))):
                weight.external_data.add(key=key, value=value)
            weight.name = names[weight.name]
    for node in graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    return model


def _names(graph: Any) -> dict[str, str]:
    """What each weight of the graph is called by the weights' file, from the node that uses it."""
    import numpy as np

    large = {weight.name for weight in graph.initializer if np.prod(weight.dims) >= _SMALLEST}
    names = {name: name.removeprefix(_OWN) for name in large if name.startswith(_OWN)}
    for node in graph.node:
        match = _ATTENTION.fullmatch(node.name)
        if match and node.op_type in ("Attention", "QAttention"):
            names |= _named(node.input, f"encoder.layer.{match[1]}.attention.self.joint", large)
        elif node.op_type in ("MatMul", "MatMulInteger"):
            path = node.name.replace("/", ".")
            layer = _LAYER.search(path)
            stem = next((name for name in MATRICES if layer and path.startswith(f".{_OWN}{layer[0]}{name}.")), None)
            if layer and stem:
                names |= _named(node.input, f"{layer[0]}{stem}", large)
    # Scales are multiplied in by nodes of their own, which follow their matrix in nothing but the name.
    scales = {name: f"{names[name.removesuffix('_scale') + '_quantized']}.scale" for name in large - names.keys()}
    return names | scales


def _named(inputs: Any, stem: str, large: set[str]) -> dict[str, str]:
    """Names for the weight and the bias among the inputs of a node."""
    found = {}
    for name in inputs:
        if name in large and not name.startswith(_OWN):
            ending = next((suffix for suffix in _SUFFIXES if name.endswith(suffix)), "")
            kind = "bias" if name.endswith("_bias") else "weight"
            found[name] = f"{stem}.{kind}{_SUFFIXES.get(ending, '')}"
    return found


if __name__ == "__main__":
    main()
