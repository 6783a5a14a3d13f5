"""Functions that OpenAI's clients offer, the choice among them, and what they say that their functions gave back.

A client runs its functions itself. What it sends back is taken only with the call that it answers, and only for the question
at hand: results of earlier questions are not remembered, as the passages of those are not.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rag.answers import Call
from rag.api.errors import ApiError
from rag.api.openai.asked import Message, refuse, text_of
from rag.api.openai.items import turn_of_call, turn_of_result
from rag.errors import SchemaError
from rag.generators import Generator, can_call
from rag.schema import make_schema
from rag.tools import MAX_ROUNDS, Offer, Result, Tool, is_name

_MAX_TOOLS = 32
_MAX_TOOLS_CHARS = 20_000
_MAX_CALLS = 32
_MAX_RESULT_CHARS = 20_000
_MAX_RESULTS_CHARS = 60_000
_MAX_ID_CHARS = 200


@dataclass(frozen=True)
class Rounds:
    """What was called for the question at hand. `turns`: the same as it is kept; `n`: how often the model called."""

    results: tuple[Result, ...] = ()
    turns: tuple[tuple[str, str], ...] = ()
    n: int = 0


def offer_of(tools: Sequence[Any], choice: Any, is_parallel: bool | None, generator: Generator, n_rounds: int) -> Offer | None:
    """What a model is offered of a client's functions, None for nothing; `n_rounds`: how often it called already.

    Raises: ApiError when a function cannot be understood, or one is to be called and none can be.
    """
    mode, names = _choice(choice)
    is_forced = mode == "required"
    if not can_call(generator):
        why = f"generator `{generator.name}` calls no functions; set generator.kind to `openai` or `gpt-oss`"
        refuse(is_forced, "tool_choice", why)
        return None
    offered = [tool for tool in _tools(_functions(tools)) if names is None or tool.name in names]
    missing = [name for name in names or () if name not in {tool.name for tool in offered}]
    refuse(bool(missing), "tool_choice", f"no function `{missing[0][:64] if missing else ''}` is offered")
    refuse(is_forced and not offered, "tool_choice", "no function is offered")
    refuse(is_forced and n_rounds >= MAX_ROUNDS, "tool_choice", f"after {MAX_ROUNDS} rounds of calls there is to be an answer")
    if mode == "none" or not offered or n_rounds >= MAX_ROUNDS:
        return None
    return Offer(tuple(offered), is_forced, is_parallel is not False)


def rounds_of(messages: Sequence[Message]) -> Rounds:
    """The calls after the user's last message, each with what came back.

    Raises: ApiError when a result answers no call, a call has no result, or there is too much of them.
    """
    last = max((n for n, message in enumerate(messages) if message.role == "user"), default=-1)
    waiting: dict[str, Call] = {}
    results: list[Result] = []
    turns: list[tuple[str, str]] = []
    n_rounds = 0
    for message in messages[last + 1 :]:
        for call in _calls(message):
            waiting[call.id] = call
            turns.append(turn_of_call(call))
        n_rounds += message.role == "assistant" and bool(message.tool_calls)
        if message.role == "tool":
            identity = str(message.tool_call_id)
            _refuse_if(identity not in waiting, f"the result of call `{identity[:64]}`: no call of that id waits for one")
            results.append(Result(waiting.pop(identity), text_of(message.content)))
            turns.append(turn_of_result(results[-1].call, results[-1].text))
    _refuse_if(bool(waiting), f"the conversation: call `{next(iter(waiting), '')[:64]}` has no result")
    _refuse_if(n_rounds > MAX_ROUNDS, f"over {MAX_ROUNDS} rounds of calls for one question")
    _refuse_if(len(results) > _MAX_CALLS, f"over {_MAX_CALLS} calls for one question")
    sizes = [len(result.text) + len(result.call.arguments) for result in results]
    _refuse_if(max(sizes, default=0) > _MAX_RESULT_CHARS, f"a call with a result of over {_MAX_RESULT_CHARS:,} characters")
    _refuse_if(sum(sizes) > _MAX_RESULTS_CHARS, f"calls with results of over {_MAX_RESULTS_CHARS:,} characters in all")
    return Rounds(tuple(results), tuple(turns), n_rounds)


def _choice(choice: Any) -> tuple[str, list[str] | None]:
    """Whether functions may, must or must not be called, and which; None for all that are offered."""
    if not isinstance(choice, dict):
        refuse(choice not in (None, "none", "auto", "required"), "tool_choice", "there is no such choice")
        return choice or "auto", None
    kind = choice.get("type")
    inner = choice.get(kind, choice) if kind in ("function", "allowed_tools") else {}
    if kind == "function" and isinstance(inner, dict):
        return "required", [str(inner.get("name"))]
    if kind == "allowed_tools" and isinstance(inner, dict):
        tools = inner.get("tools")
        named = [
            str(tool.get("name")) for tool in _functions(tools if isinstance(tools, list) else ()) if isinstance(tool, dict)
        ]
        return ("required" if inner.get("mode") == "required" else "auto"), named
    refuse(kind != "file_search", "tool_choice", "there is no such choice")
    return "none", None  # the documents are always searched


def _functions(tools: Sequence[Any]) -> list[Any]:
    """The functions among tools: completions have them in a field of their own."""
    return [tool.get("function", tool) for tool in tools if isinstance(tool, dict) and tool.get("type") == "function"]


def _tools(functions: Sequence[Any]) -> list[Tool]:
    _refuse_if(len(functions) > _MAX_TOOLS, f"over {_MAX_TOOLS} functions", "tools")
    size = sum(len(json.dumps(function)) for function in functions)
    _refuse_if(size > _MAX_TOOLS_CHARS, f"functions of over {_MAX_TOOLS_CHARS:,} characters in all", "tools")
    tools = [_tool(function) for function in functions]
    is_clear = len({tool.key for tool in tools}) == len(tools)
    _refuse_if(not is_clear, "two functions of one name, or of names that differ in case, `_` and `-` alone", "tools")
    return tools


def _tool(function: Any) -> Tool:
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not is_name(name):
        why = "its name is not 1 to 64 letters, digits, `_` and `-`. Give it such a name."
        raise ApiError("unsupported", f"cannot take function `{str(name)[:64]}`: {why}", param="tools")
    try:
        schema = make_schema(
            function.get("parameters") or {"type": "object", "properties": {}}, f"of function `{name}`", with_maps=True
        )
    except SchemaError as error:
        raise ApiError("schema", str(error), param="tools") from error
    return Tool(name, str(function.get("description") or ""), schema)


def _calls(message: Message) -> Iterator[Call]:
    for told in message.tool_calls or () if message.role == "assistant" else ():
        function = told.get("function")
        function = function if isinstance(function, dict) else {}
        identity, name = told.get("id"), function.get("name")
        is_call = isinstance(identity, str) and 0 < len(identity) <= _MAX_ID_CHARS and isinstance(name, str) and is_name(name)
        _refuse_if(not is_call, "a call that has no id, or no function's name")
        yield Call(str(identity), str(name), str(function.get("arguments") or "{}"))


def _refuse_if(is_wrong: bool, what: str, param: str = "messages") -> None:
    if is_wrong:
        raise ApiError("unsupported", f"cannot take {what}. Send what OpenAI's API would take.", param=param)
