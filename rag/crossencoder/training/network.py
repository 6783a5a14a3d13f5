"""The network: the body of the packaged MiniLM, and a head for each thing that is asked of a pair of texts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

SUPPORT_CLASSES = ("supported", "contradicted", "not_enough")


class CrossEncoder(nn.Module):
    """Reads pairs; `forward` returns the logits of all heads.

    support (batch, 3): does the second text support the first; answers (batch,): does the second text answer the question;
    tags (batch, tokens): is the word unsupported; spans (batch, tokens, 2): does the answer start or end here, where the first
    token stands for "no answer".
    """

    def __init__(self, body: Any, dropout: float = 0.1) -> None:
        """Take a BERT without pooler as `body`."""
        super().__init__()
        size = int(body.config.hidden_size)
        self.body = body
        self.support = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Dropout(dropout), nn.Linear(size, 3))
        self.answers = nn.Sequential(nn.Linear(size, size), nn.Tanh(), nn.Dropout(dropout), nn.Linear(size, 1))
        self.tags = nn.Linear(size, 1)
        self.spans = nn.Linear(size, 2)

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits of support, answers, tags and spans; all inputs are (batch, tokens) integers."""
        states = self.body(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
        first = states[:, 0]
        return self.support(first), self.answers(first).squeeze(-1), self.tags(states).squeeze(-1), self.spans(states)


def from_packaged_model(attention: str = "sdpa") -> CrossEncoder:
    """A network whose body is the packaged MiniLM; the heads are new."""
    from transformers import BertModel

    from ingest.minilm.engine import packaged_model_folder

    body = BertModel.from_pretrained(packaged_model_folder(), add_pooling_layer=False, attn_implementation=attention)
    for layer in body.encoder.layer:
        # Rows are seen once or twice, so that there is little to overfit, and drawing the masks is slow on a CPU. Without
        # dropout on the attention weights torch takes its fast kernel, too.
        layer.attention.self.dropout_prob = 0.0
        for dropout in (layer.attention.self.dropout, layer.attention.output.dropout, layer.output.dropout):
            dropout.p = 0.0
    body.embeddings.dropout.p = 0.0
    return CrossEncoder(body)


def frozen(network: CrossEncoder, layers: int) -> CrossEncoder:
    """Hold the embeddings and the lowest `layers` still: they cost most of a step on a CPU and change least."""
    for parameter in network.body.embeddings.parameters():
        parameter.requires_grad = False
    for layer in network.body.encoder.layer[:layers]:
        for parameter in layer.parameters():
            parameter.requires_grad = False
    torch.nn.init.normal_(network.spans.weight, std=0.02)
    return network


def thinned(network: CrossEncoder, layers: Sequence[int]) -> CrossEncoder:
    """Keep these layers of the body, by number from 0 at the bottom, and drop the others: a smaller network to train on.

    Raises: ValueError for a layer that the body has not.
    """
    found = network.body.encoder.layer
    if not layers or not all(0 <= number < len(found) for number in layers):
        raise ValueError(f"cannot keep layers {list(layers)}: the body has layers 0 to {len(found) - 1}")
    network.body.encoder.layer = nn.ModuleList(found[number] for number in layers)
    network.body.config.num_hidden_layers = len(layers)
    return network


def n_layers(names: Iterable[str] | Mapping[str, Any]) -> int:
    """How many layers a body has, from the names of its weights."""
    return len({name.split(".")[3] for name in names if name.startswith("body.encoder.layer.")})
