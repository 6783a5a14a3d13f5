"""Other people's models in the checker's seat: NLI cross-encoders, binary fact checkers, and taggers of unsupported words.

`checker.model` names a folder or a model of the hub, which transformers then loads from its cache or fetches. A sequence
classifier reads (evidence, claim); its label that begins with "entail" or says "support" or "consistent" counts as support,
else the second of two labels. A token classifier reads the same and tags the claim; its last label means unsupported. Nothing
is fitted here: the threshold is 0.5 until `checker.threshold` sets another.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from rag.checker.selection import select_sentences
from rag.checker.support import Reading, Support
from rag.errors import CheckerError

_SUPPORTING = ("entail", "support", "consistent", "faithful", "factual")
_CONTRADICTING = ("contradict", "refute")
_BATCH = 8


class HubSupport:
    """A transformers model as the support model; loaded on first use, run on the CPU or on a GPU where there is one."""

    threshold = 0.5
    version = "hub"

    def __init__(self, model: str, max_evidence_tokens: int = 350) -> None:
        """Name the model: a folder, or `owner/name` on the hub."""
        self.name = f"hub:{model}"
        self._model = model
        self._max_evidence_tokens = max_evidence_tokens

    def assess(self, readings: Sequence[Reading]) -> list[Support]:
        """Say of each reading how likely support is.

        Raises: CheckerError when the model cannot be loaded or is of another kind.
        """
        found: list[Support] = []
        for at in range(0, len(readings), _BATCH):
            found += self._assess(readings[at : at + _BATCH])
        return found

    def _assess(self, readings: Sequence[Reading]) -> list[Support]:
        import torch

        tokenizer, model = self._loaded
        claims = [f"{reading.context} {reading.claim}".strip() for reading in readings]
        inputs = tokenizer(
            [self._evidence(reading) for reading in readings],
            claims,
            truncation="only_first",
            padding=True,
            max_length=min(int(getattr(tokenizer, "model_max_length", 512)), 512),
            return_tensors="pt",
            return_offsets_mapping=True,
        )
        offsets = inputs.pop("offset_mapping").tolist()
        with torch.inference_mode():
            logits = model(**inputs.to(model.device)).logits.float().cpu()
        if logits.ndim == 2:
            return [self._classified(row) for row in logits.softmax(-1).tolist()]
        starts = [len(claim) - len(reading.claim) for claim, reading in zip(claims, readings, strict=True)]
        return [
            _tagged(row, places, [inputs.sequence_ids(i)[k] == 1 for k in range(len(places))], starts[i])
            for i, (row, places) in enumerate(zip(logits.softmax(-1)[..., -1].tolist(), offsets, strict=True))
        ]

    def _evidence(self, reading: Reading) -> str:
        tokenizer, _ = self._loaded

        def count(text: str) -> int:
            return len(tokenizer.tokenize(text))

        alignment = reading.alignment
        numbers = select_sentences(alignment, count, self._max_evidence_tokens)
        return " ".join(alignment.evidence.text(number) for number in numbers)

    def _classified(self, shares: Sequence[float]) -> Support:
        labels = {int(i): str(name).casefold() for i, name in self._loaded[1].config.id2label.items()}
        supporting = [i for i, name in labels.items() if name.startswith(_SUPPORTING)]
        if not supporting and len(labels) != 2:
            raise CheckerError(
                f"cannot check with `{self._model}`: none of its labels ({', '.join(labels.values())}) means support. "
                "Name an NLI model or a fact checker in checker.model."
            )
        place = supporting[0] if supporting else 1
        against = [i for i, name in labels.items() if name.startswith(_CONTRADICTING)]
        return Support(shares[place], bool(against) and shares[against[0]] == max(shares))

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import (
            AutoConfig,
            AutoModelForSequenceClassification,
            AutoModelForTokenClassification,
            AutoTokenizer,
        )

        try:
            kinds = AutoConfig.from_pretrained(self._model).architectures or [""]
            is_tagger = kinds[0].endswith("ForTokenClassification")
            if not is_tagger and not kinds[0].endswith("ForSequenceClassification"):
                raise ValueError(f"it is a {kinds[0] or 'model of unknown kind'}, which classifies neither texts nor words")
            loader = AutoModelForTokenClassification if is_tagger else AutoModelForSequenceClassification
            model = loader.from_pretrained(self._model).to("cuda" if torch.cuda.is_available() else "cpu").eval()
            return AutoTokenizer.from_pretrained(self._model), model
        except (OSError, ValueError, ImportError) as error:
            raise CheckerError(
                f"cannot load checker model `{self._model}`: {str(error).splitlines()[0][:200]}. Set checker.model to a folder "
                "with the model, or leave it empty for the shipped one."
            ) from error


def _tagged(shares: Sequence[float], places: Sequence[Sequence[int]], is_claim: Sequence[bool], start: int) -> Support:
    """A claim is as supported as its worst word."""
    tokens = [
        (share, a - start, b - start)
        for share, (a, b), own in zip(shares, places, is_claim, strict=True)
        if own and b > a and a >= start
    ]
    worst = max((share for share, _, _ in tokens), default=0.0)
    return Support(1 - worst, False, tuple((a, b) for share, a, b in tokens if share >= 0.5))
