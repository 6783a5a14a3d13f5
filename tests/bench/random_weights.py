"""gpt-oss of a given shape with random weights, in the files and the MXFP4 form of the published ones."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import GptOssConfig, GptOssForCausalLM

# 20b is the published shape. Source: OpenAI, gpt-oss model card.
_SMALL = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "num_experts_per_tok": 4}
SHAPES = {
    "tiny": {**_SMALL, "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 64, "num_local_experts": 4},
    "small": {**_SMALL, "num_hidden_layers": 8, "hidden_size": 512, "intermediate_size": 512, "num_local_experts": 16},
    "20b": {"num_hidden_layers": 24, "num_local_experts": 32},
}
_IN_BFLOAT16 = ("model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head")
_BLOCK = 32  # weights that share a scale, two of them to a byte
_SCALES = (118, 122)  # exponents of two, biased by 127: weights of about the size of trained ones


def random_gpt_oss(shape: str, folder: Path) -> Path:
    """The folder with a model of one of SHAPES, made where it is not there yet."""
    made, new = folder / f"gpt-oss-{shape}", folder / f"gpt-oss-{shape}.new"
    if made.exists():
        return made
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    config = GptOssConfig(**SHAPES[shape], max_position_embeddings=131072)
    with torch.device("meta"):
        model = GptOssForCausalLM(config)
    where: dict[str, str] = {}
    for name, tensors in _files(model):
        save_file(tensors, new / name, metadata={"format": "pt"})
        where |= dict.fromkeys(tensors, name)
    index = {"metadata": {"total_size": sum(file.stat().st_size for file in new.iterdir())}, "weight_map": where}
    (new / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    quantisation = {"quant_method": "mxfp4", "modules_to_not_convert": list(_IN_BFLOAT16)}
    described = {**config.to_dict(), "architectures": ["GptOssForCausalLM"], "quantization_config": quantisation}
    (new / "config.json").write_text(json.dumps(described | {"dtype": "bfloat16"}, default=str), encoding="utf-8")
    new.replace(made)
    return made


def _files(model: GptOssForCausalLM) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """One file for each layer, and one for the rest."""
    torch.manual_seed(7)
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in model.state_dict().items():
        layer = name.split(".")[2] if name.startswith("model.layers.") else "rest"
        parts.setdefault(layer, {})[name] = tensor
    for layer, shapes in parts.items():
        tensors: dict[str, torch.Tensor] = {}
        for name, tensor in shapes.items():
            if name.endswith(("gate_up_proj", "down_proj")):
                tensors |= _quantised(name, tensor.shape)
            elif name.endswith("norm.weight"):
                tensors[name] = torch.ones(tensor.shape, dtype=torch.bfloat16)
            else:
                tensors[name] = (torch.randn(tensor.shape) * 0.02).to(torch.bfloat16)
        yield f"model-{layer}.safetensors", tensors


def _quantised(name: str, shape: torch.Size) -> dict[str, torch.Tensor]:
    """Blocks and scales of experts, by output; `shape` of the unpacked weights is (experts, inputs, outputs)."""
    n_experts, n_in, n_out = shape
    blocks = torch.randint(0, 256, (n_experts, n_out, n_in // _BLOCK, _BLOCK // 2), dtype=torch.uint8)
    scales = torch.randint(*_SCALES, (n_experts, n_out, n_in // _BLOCK), dtype=torch.uint8)
    return {f"{name}_blocks": blocks, f"{name}_scales": scales}
