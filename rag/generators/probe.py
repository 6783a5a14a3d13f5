"""`rag doctor --generator`: ask the configured generator a few things, and say in plain words what it can be trusted with.

Each part is one small request, the one on the context a large one. It judges nothing by the wording of an answer but whether
there is one.
"""

import json
import time
from collections.abc import Callable, Iterator

from rag.answers import Passage
from rag.doctor import Finding
from rag.errors import GeneratorError
from rag.generators import Generator, Request
from rag.generators.content import clean_content
from rag.generators.openai import OpenAIGenerator
from rag.generators.replies import Told
from rag.prompt import least_tokens

_FACT = "Employees get 25 days of paid leave each year."
_REQUEST = Request(
    "How many days of paid leave do employees get?", [Passage("p", "leave.md", 0, 46, _FACT, None, 1.0, 1)], "en"
)
_N_TOKENS = 40
# Where only the counts matter. Fewer break the parser of llama.cpp before the channel of gpt-oss is named.
_FEW_TOKENS = 16
_TOOL = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "Search the documents.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
_SCHEMA = {
    "type": "object",
    "properties": {"days": {"type": "integer"}},
    "required": ["days"],
    "additionalProperties": False,
}


def probe(generator: Generator, max_prompt_tokens: int) -> Iterator[Finding]:
    """Examine a generator; of one that is no chat server only whether it answers."""
    checks: list[tuple[str, Callable[[], Finding]]] = [("answer", lambda: _answer(generator))]
    if isinstance(generator, OpenAIGenerator):
        chat = generator
        checks += [
            ("reasoning and speed", lambda: _reasoning(chat)),
            ("context", lambda: _context(chat, max_prompt_tokens)),
            ("control tokens", lambda: _control_tokens(chat)),
            ("tools", lambda: _tools(chat)),
            ("JSON schema", lambda: _schema(chat)),
        ]
    for part, check in checks:
        try:
            yield check()
        except GeneratorError as error:
            yield Finding(part, False, str(error))
            if part == "answer":
                return  # the rest would say the same


def _answer(generator: Generator) -> Finding:
    started = time.perf_counter()
    draft = generator.generate(_REQUEST)
    took = f"{time.perf_counter() - started:.1f} s"
    if draft.quotes or draft.doubtful:
        return Finding("answer", True, f"quotes, in {took}")
    if not draft.text:
        return Finding("answer", False, f"{generator.name} gave no text: {draft.account.get('problem') or 'it is empty'}")
    tokens = draft.account.get("output_tokens")
    return Finding("answer", True, f"{generator.name} answers in {took}" + (f" with {tokens} tokens" if tokens else ""))


def _reasoning(chat: OpenAIGenerator) -> Finding:
    told, content, started = Told(), "", time.perf_counter()
    first = 0.0
    for piece in chat.complete(
        [{"role": "user", "content": f"{_FACT} How many weeks is that? Explain."}], told, is_streamed=True
    ):
        first = first or time.perf_counter() - started
        content += piece
    took = time.perf_counter() - started
    speed = ""
    output = told.account()["output_tokens"]
    if output:
        speed = f"; {output / took:.0f} tokens a second in all, the first came after {first:.1f} s"
    if content.strip() and clean_content(content) != content.strip():
        return Finding(
            "reasoning and speed",
            False,
            "reasoning or control tokens stand in the content. They are taken out, but a change of form would get through: "
            "have the server parse the model's channels (llama.cpp: --jinja and no --reasoning-format none; transformers: a "
            f"response template){speed}",
        )
    how = "is sent beside the content and dropped" if told.n_reasoning_chars else "does not show"
    return Finding("reasoning and speed", True, f"reasoning {how}{speed}")


def _context(chat: OpenAIGenerator, max_prompt_tokens: int) -> Finding:
    """Send a prompt as long as the configured limit allows, and compare what the server says that it read."""
    filler = "leave days year staff " * (max_prompt_tokens // 4)
    messages = [{"role": "system", "content": "Answer with one word."}, {"role": "user", "content": filler + "Ready?"}]
    told, started = Told(), time.perf_counter()
    for _ in chat.complete(messages, told, max_tokens=_FEW_TOKENS):
        pass
    took = time.perf_counter() - started
    read, least = told.prompt_tokens, least_tokens(messages)
    if read is None:
        return Finding("context", False, "the server counts no tokens: a prompt that it cuts in silence would not be noticed")
    if read < least:
        return Finding(
            "context",
            False,
            f"it read {read:,} tokens of a prompt of at least {least:,}, in silence. Start it with a larger context (Ollama: "
            "OLLAMA_CONTEXT_LENGTH=16384), or lower generator.max_prompt_tokens",
        )
    return Finding("context", True, f"takes the {read:,} tokens that it may get; about {read / took:.0f} of them a second")


def _control_tokens(chat: OpenAIGenerator) -> Finding:
    """A control token that is read as such is one token of the prompt; as text it is several."""
    counted = []
    for text in ("hello", "hello" + "<|end|>" * _N_TOKENS):
        told = Told()
        for _ in chat.complete([{"role": "user", "content": text}], told, max_tokens=_FEW_TOKENS):
            pass
        counted.append(told.prompt_tokens)
    plain, with_tokens = counted
    if plain is None or with_tokens is None:
        return Finding("control tokens", True, "the server counts no tokens: unknown. They are taken out of every passage here")
    is_read = with_tokens - plain <= _N_TOKENS * 3 // 2
    how = "reads control tokens in text as such" if is_read else "reads control tokens in text as text"
    return Finding("control tokens", True, f"the server {how}; they are taken out of every passage before it is sent")


def _tools(chat: OpenAIGenerator) -> Finding:
    told = Told()
    for _ in chat.complete([{"role": "user", "content": "Search for paid leave with the tool."}], told, tools=[_TOOL]):
        pass
    works = "works" if told.calls else "did not come"
    return Finding("tools", True, f"a call of a tool {works}; nothing here needs one")


def _schema(chat: OpenAIGenerator) -> Finding:
    form = {"type": "json_schema", "json_schema": {"name": "leave", "strict": True, "schema": _SCHEMA}}
    content = "".join(chat.complete([{"role": "user", "content": f"{_FACT} How many?"}], Told(), response_format=form))
    try:
        is_kept = isinstance(json.loads(clean_content(content))["days"], int)
    except (ValueError, KeyError, TypeError, RecursionError):
        is_kept = False
    return Finding(
        "JSON schema", True, f"an answer by a schema {'works' if is_kept else 'did not come'}; nothing here needs one"
    )
