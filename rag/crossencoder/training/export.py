"""Make the file that ships from a checkpoint: ONNX, weights in 8 bits.

`python -m rag.crossencoder.training.export --checkpoint FILE --out FILE [--exact FILE]`; `--exact` keeps the 32 bits too,
to measure what the 8 bits cost.
"""

import argparse
import tempfile
from pathlib import Path

import torch
from torch import nn

from rag.crossencoder.training.network import from_packaged_model, n_layers, thinned

_HEADS, _SIZE = 12, 384  # of the packaged MiniLM
OUTPUTS = ("support", "answers", "tags", "spans")


def main() -> None:
    """Export, quantise and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--exact", type=Path)
    options = parser.parse_args()
    held = torch.load(options.checkpoint, map_location="cpu", weights_only=True)["network"]
    network = thinned(from_packaged_model("eager"), range(n_layers(held)))
    network.load_state_dict(held)
    with tempfile.TemporaryDirectory() as folder:
        exact = options.exact or Path(folder) / "exact.onnx"
        to_onnx(network, exact)
        quantise(exact, options.out)


def to_onnx(network: nn.Module, path: Path) -> None:
    """Write the graph with batch and token dimensions open."""
    network.eval()
    ids = torch.ones((2, 12), dtype=torch.int64)
    axes = {0: "batch", 1: "tokens"}
    open_axes = {"ids": axes, "mask": axes, "types": axes}
    open_axes |= {"support": {0: "batch"}, "answers": {0: "batch"}, "tags": axes, "spans": axes}
    torch.onnx.export(
        network,
        (ids, torch.ones_like(ids), torch.zeros_like(ids)),
        str(path),
        input_names=["ids", "mask", "types"],
        output_names=list(OUTPUTS),
        dynamic_axes=open_axes,
        opset_version=17,
        dynamo=False,
    )


def quantise(exact: Path, out: Path) -> None:
    """Fuse the layers, then weights to whole numbers with a scale for each channel; activations are quantised as they come.

    Weights take 7 of their 8 bits. Processors without 8-bit instructions add two products in 16 bits and cut off what does not
    fit: with all 8 bits the same network gave another verdict there (data/results/checking-experiments.md).
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    with tempfile.TemporaryDirectory() as folder:
        fused = Path(folder) / "fused.onnx"
        graph = optimizer.optimize_model(str(exact), model_type="bert", num_heads=_HEADS, hidden_size=_SIZE, opt_level=0)
        graph.save_model_to_file(str(fused))
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(fused, out, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, extra_options=options)


if __name__ == "__main__":
    main()
