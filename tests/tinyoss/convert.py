"""A GptOss model of transformers -> a GGUF file, for models made here: no quantised weights, no merges of the tokenizer."""

import base64
from pathlib import Path

from rag.generators.harmony.parsing import VOCABULARY_SIZE
from rag.generators.harmony.vocabulary import encoding, locate

_NAMED = {
    "startoftext": 199998,
    "endoftext": 199999,
    "return": 200002,
    "constrain": 200003,
    "channel": 200005,
    "start": 200006,
    "end": 200007,
    "message": 200008,
    "call": 200012,
    "endofprompt": 200018,
}
_NORMAL, _CONTROL = 1, 3


def write_gguf(model, path: Path) -> None:
    """Write the file."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(path, "gpt-oss")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_expert_count(config.num_local_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_sliding_window(config.sliding_window)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    writer.add_rope_scaling_factor(rope["factor"])
    writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    _add_vocabulary(writer)
    for name, tensor in _tensors(model):
        writer.add_tensor(name, tensor.detach().float().contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_vocabulary(writer) -> None:
    letters = _byte_letters()
    tokens, types = [b""] * VOCABULARY_SIZE, [_NORMAL] * VOCABULARY_SIZE
    for line in locate().read_bytes().splitlines():
        word, rank = line.split()
        tokens[int(rank)] = "".join(letters[byte] for byte in base64.b64decode(word)).encode()
    special = {number: name for name, number in _NAMED.items()}
    for number in range(199998, VOCABULARY_SIZE):
        tokens[number] = f"<|{special.get(number, f'reserved_{number}')}|>".encode()
        types[number] = _CONTROL
    assert encoding().encode("<|start|>", allowed_special="all") == [_NAMED["start"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-4o")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["Ġ t", "Ġ a"])
    writer.add_bos_token_id(_NAMED["startoftext"])
    writer.add_eos_token_id(_NAMED["return"])
    writer.add_pad_token_id(_NAMED["endoftext"])


def _byte_letters() -> dict[int, str]:
    """The letter that stands for each byte in vocabularies in the manner of GPT-2."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


def _tensors(model):
    yield "token_embd.weight", model.model.embed_tokens.weight
    yield "output_norm.weight", model.model.norm.weight
    yield "output.weight", model.lm_head.weight
    for number, layer in enumerate(model.model.layers):
        block, attention, mlp = f"blk.{number}", layer.self_attn, layer.mlp
        yield f"{block}.attn_norm.weight", layer.input_layernorm.weight
        yield f"{block}.post_attention_norm.weight", layer.post_attention_layernorm.weight
        for ours, theirs in (("q", "q_proj"), ("k", "k_proj"), ("v", "v_proj"), ("output", "o_proj")):
            yield f"{block}.attn_{ours}.weight", getattr(attention, theirs).weight
            yield f"{block}.attn_{ours}.bias", getattr(attention, theirs).bias
        yield f"{block}.attn_sinks.weight", attention.sinks
        yield f"{block}.ffn_gate_inp.weight", mlp.router.weight
        yield f"{block}.ffn_gate_inp.bias", mlp.router.bias
        experts = mlp.experts
        for place, name in ((0, "gate"), (1, "up")):  # transformers keeps both in one, one column after the other
            yield f"{block}.ffn_{name}_exps.weight", experts.gate_up_proj[..., place::2].transpose(1, 2)
            yield f"{block}.ffn_{name}_exps.bias", experts.gate_up_proj_bias[..., place::2]
        yield f"{block}.ffn_down_exps.weight", experts.down_proj.transpose(1, 2)
        yield f"{block}.ffn_down_exps.bias", experts.down_proj_bias
