"""What chat servers say, each in its dialect of OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio and others.

Of a message only the content is taken. Reasoning beside it (`reasoning`, `reasoning_content`, `thinking`), the tokens in
`logprobs`, and calls of tools are counted or noticed, and dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

REASONING = ("reasoning", "reasoning_content", "thinking")


@dataclass
class Told:
    """What was taken in of one reply. `finish`: why it ended, empty while it has not. Counts are None where none are told."""

    finish: str = ""
    n_reasoning_chars: int = 0
    has_call: bool = False
    usage: Mapping[str, Any] = field(default_factory=dict)

    def take(self, value: Mapping[str, Any]) -> str:
        """Take in a whole completion or one event of a stream; returns the content that it adds.

        Raises: ValueError when it is neither.
        """
        if isinstance(value.get("usage"), dict):
            self.usage = value["usage"]
        choices = value.get("choices")
        if not isinstance(choices, list):
            raise ValueError
        if not choices:  # the last event of some servers tells only counts of tokens
            return ""
        choice = choices[0] if isinstance(choices[0], dict) else {}
        said = choice.get("message") or choice.get("delta") or {}
        if not isinstance(said, dict):
            raise ValueError
        self.finish = str(choice.get("finish_reason") or self.finish)
        self.has_call = self.has_call or bool(said.get("tool_calls"))
        self.n_reasoning_chars += max(len(_text(said.get(name))) for name in REASONING)
        return _text(said.get("content"))

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt that the model read."""
        return _count(self.usage, "prompt_tokens", "input_tokens")

    def account(self) -> dict[str, int | None]:
        """Tokens, for the receipt."""
        output = _count(self.usage, "completion_tokens", "output_tokens")
        details = self.usage.get("completion_tokens_details") or self.usage.get("output_tokens_details")
        reasoning = _count(details, "reasoning_tokens") if isinstance(details, dict) else None
        if reasoning is None and output is not None and not self.n_reasoning_chars:
            reasoning = 0
        return {"prompt_tokens": self.prompt_tokens, "output_tokens": output, "reasoning_tokens": reasoning}


def _text(value: Any) -> str:
    """A text, also where it comes in parts."""
    if isinstance(value, list):
        return "".join(
            _text(part.get("text")) for part in value if isinstance(part, dict) and part.get("type", "text") == "text"
        )
    return value if isinstance(value, str) else ""


def _count(values: Mapping[str, Any], *names: str) -> int | None:
    found = next((values[name] for name in names if isinstance(values.get(name), int)), None)
    return found if found is not None and found >= 0 else None
