"""What chat servers say, each in its dialect of OpenAI's chat completions: vLLM, llama.cpp, Ollama, LM Studio and others.

Of a message only the content and calls of tools are taken. Reasoning beside them (`reasoning`, `reasoning_content`,
`thinking`) and the tokens in `logprobs` are counted or noticed, and dropped.
"""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rag.answers import Call

REASONING = ("reasoning", "reasoning_content", "thinking")


@dataclass
class _Part:
    """A call as far as it came."""

    index: Any
    id: Any
    name: str
    arguments: str = ""


@dataclass
class Told:
    """What was taken in of one reply. `finish`: why it ended, empty while it has not. Counts are None where none are told.

    `tools_refused`: what the server said when it was offered tools and takes none.
    """

    finish: str = ""
    n_reasoning_chars: int = 0
    usage: Mapping[str, Any] = field(default_factory=dict)
    tools_refused: str = ""
    _parts: list[_Part] = field(default_factory=list)

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
        for each in said.get("tool_calls") or ():
            self._take_call(each)
        self.n_reasoning_chars += max(len(_text(said.get(name))) for name in REASONING)
        return _text(said.get("content"))

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls of tools as they were written, each under an id of our own: those of servers may repeat."""
        return tuple(Call(f"call_{uuid.uuid4().hex}", part.name, part.arguments) for part in self._parts)

    @property
    def n_unseen_chars(self) -> int:
        """Characters that came beside the content."""
        return self.n_reasoning_chars + sum(len(part.arguments) for part in self._parts)

    def _take_call(self, said: Any) -> None:
        """Take in a call, or a piece of one: in a stream only the first piece has the name, and some send no index."""
        function = said.get("function") if isinstance(said, dict) else None
        if not isinstance(function, dict):
            return
        index, identity, name = said.get("index"), said.get("id"), _text(function.get("name"))
        same = [part for part in self._parts if part.index == index] if index is not None else self._parts[-1:]
        # Ollama had the index 0 for all, and only the ids differed (ollama#7881).
        is_new = not same or bool(name and (index is None or (identity and same[-1].id and identity != same[-1].id)))
        part = _Part(index, identity, name) if is_new else same[-1]
        if is_new:
            self._parts.append(part)
        arguments = function.get("arguments")
        part.arguments += json.dumps(arguments) if isinstance(arguments, dict) else _text(arguments)

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt that the model read."""
        return _count(self.usage, "prompt_tokens", "input_tokens")

    def account(self) -> dict[str, Any]:
        """Tokens, and that tools were refused, for the receipt."""
        output = _count(self.usage, "completion_tokens", "output_tokens")
        details = self.usage.get("completion_tokens_details") or self.usage.get("output_tokens_details")
        reasoning = _count(details, "reasoning_tokens") if isinstance(details, dict) else None
        if reasoning is None and output is not None and not self.n_reasoning_chars:
            reasoning = 0
        counted = {"prompt_tokens": self.prompt_tokens, "output_tokens": output, "reasoning_tokens": reasoning}
        return counted | ({"tools_refused": self.tools_refused} if self.tools_refused else {})


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The field of a request that has the server hold the content to a JSON schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}


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
