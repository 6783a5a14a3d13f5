"""Items of a response, messages of a conversation, and turns as they are kept: calls and their results in all three forms.

A turn of a call has the role `function_call`, one of its result `function_call_output`, and JSON for its text.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from rag.answers import Call
from rag.api.errors import ApiError
from rag.api.openai.asked import Message

CALL, RESULT = "function_call", "function_call_output"
Turn = tuple[str, str]


def turn_of_call(call: Call) -> Turn:
    """A call as it is kept."""
    return CALL, json.dumps({"call_id": call.id, "name": call.name, "arguments": call.arguments})


def turn_of_result(call: Call, text: str) -> Turn:
    """What came back for a call as it is kept."""
    return RESULT, json.dumps({"call_id": call.id, "output": text})


def turns_of_calls(calls: Sequence[Call]) -> list[Turn]:
    """Calls as they are kept."""
    return [turn_of_call(call) for call in calls]


def messages_of(turns: Sequence[tuple[str, str]]) -> Iterator[Message]:
    """Turns that were kept, as the messages that they were; calls of one round are one message."""
    for role, group in itertools.groupby(turns, key=lambda turn: turn[0]):
        texts = [text for _, text in group]
        if role == CALL:
            yield Message(role="assistant", tool_calls=[_tool_call(json.loads(text)) for text in texts])
        elif role == RESULT:
            yield from (_result(json.loads(text)) for text in texts)
        else:
            yield from (Message(role=role, content=text) for text in texts)


def messages_of_items(items: Sequence[dict[str, Any]]) -> Iterator[Message]:
    """The items of a response's input that are messages, calls, or results of calls; nobody but a user asks.

    Raises: ApiError when one is not as it must be.
    """
    told = [item for item in items if item.get("type", "message") in ("message", CALL, RESULT)]
    for kind, group in itertools.groupby(told, key=lambda item: item.get("type", "message")):
        if kind == CALL:
            yield Message(role="assistant", tool_calls=[_tool_call(item) for item in group])
        elif kind == RESULT:
            yield from (_result(item) for item in group)
        else:
            yield from (_message(role=item.get("role"), content=item.get("content")) for item in group)


def tool_call(call: Call) -> dict[str, Any]:
    """A call as a completion has it."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def call_item(call: Call, identity: str, status: str = "completed") -> dict[str, Any]:
    """A call as an item of a response."""
    told = {"call_id": call.id, "name": call.name, "arguments": call.arguments if status == "completed" else ""}
    return {"type": CALL, "id": identity, **told, "status": status}


def item_of(identity: str, role: str, text: str) -> dict[str, Any]:
    """A turn as an item of a response's input."""
    if role == CALL:
        return {"id": f"fc_{identity}", "type": role, "status": "completed", **json.loads(text)}
    if role == RESULT:
        return {"id": f"fco_{identity}", "type": role, "status": "completed", **json.loads(text)}
    is_answer = role == "assistant"
    part = {"type": "output_text", "annotations": []} if is_answer else {"type": "input_text"}
    content = [{**part, "text": text}]
    return {"id": f"msg_{identity}", "type": "message", "role": role, "status": "completed", "content": content}


def _tool_call(item: dict[str, Any]) -> dict[str, Any]:
    return {"id": item.get("call_id"), "function": {"name": item.get("name"), "arguments": item.get("arguments")}}


def _result(item: dict[str, Any]) -> Message:
    return _message(role="tool", tool_call_id=item.get("call_id"), content=item.get("output"))


def _message(**fields: Any) -> Message:
    try:
        return Message(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"`{'.'.join(map(str, first['loc']))}` of a {fields['role'] if fields['role'] == 'tool' else 'message'}"
        raise ApiError(
            "unsupported", f"cannot read {what}: {first['msg']}. Send what OpenAI's API takes.", param="input"
        ) from error
