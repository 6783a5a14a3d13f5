"""JSON values: read strictly, taken apart into leaves with their places, cut down, and written with where each leaf stands.

Pure. `Place` is the way to a value: names of properties and numbers of elements.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NoReturn

Place = tuple[str | int, ...]
# What is done with a value that may not stand: null in its place, or nothing.
Cut = Literal["null", "out"]
MAX_DEPTH = 40
# A value with as many words is a statement by itself; a shorter one needs the name of its property.
_STATEMENT_WORDS = 5


def parsed_json(text: str) -> Any:
    """Read JSON that a generator wrote.

    Raises: ValueError when it is none that others could read too.
    """
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if depth_of(value) > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if not is_text(value):
        raise ValueError("it holds half a character (a lone surrogate)")
    return value


def is_text(value: Any) -> bool:
    """False where a string in a JSON value has half of an escaped pair: it cannot be written, and no model reads it."""
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """The strings, numbers and truth values in a value, with their places; empty strings say nothing."""
    if isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*place, step))
    elif value is not None and value != "":
        yield place, value


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """A value with each string in it changed; names of properties stay."""
    if isinstance(value, dict):
        return {name: mapped(inner, change) for name, inner in value.items()}
    if isinstance(value, list):
        return [mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def cut_down(value: Any, cuts: Mapping[Place, Cut]) -> tuple[Any, dict[Place, Place]]:
    """A value without what is cut, and where the leaves that are left stood before: {place now: place then}."""
    origin: dict[Place, Place] = {}

    def kept(inner: Any, place: Place, now: Place) -> Any:
        if place in cuts:
            return None
        if not isinstance(inner, dict | list):
            origin[now] = place
            return inner
        items = inner.items() if isinstance(inner, dict) else enumerate(inner)
        left = [(step, item) for step, item in items if cuts.get((*place, step)) != "out"]
        if isinstance(inner, dict):
            return {step: kept(item, (*place, step), (*now, step)) for step, item in left}
        return [kept(item, (*place, step), (*now, number)) for number, (step, item) in enumerate(left)]

    return kept(value, (), ()), origin


def written(value: Any) -> tuple[str, dict[Place, tuple[int, int]]]:
    """A value as JSON on one line, and where its leaves stand in it: strings without their quotes, as they are escaped."""
    parts: list[str] = []
    spans: dict[Place, tuple[int, int]] = {}
    position = 0

    def put(text: str) -> None:
        nonlocal position
        parts.append(text)
        position += len(text)

    def write(inner: Any, place: Place) -> None:
        if isinstance(inner, dict | list):
            put("{" if isinstance(inner, dict) else "[")
            for number, (step, item) in enumerate(inner.items() if isinstance(inner, dict) else enumerate(inner)):
                put(", " if number else "")
                put(f"{json.dumps(step, ensure_ascii=False)}: " if isinstance(inner, dict) else "")
                write(item, (*place, step))
            put("}" if isinstance(inner, dict) else "]")
            return
        text = json.dumps(inner, ensure_ascii=False)
        n_quotes = int(isinstance(inner, str))
        spans[place] = (position + n_quotes, position + len(text) - n_quotes)
        put(text)

    write(value, ())
    return "".join(parts), spans


def escaped_chars(text: str) -> int:
    """How many characters a text takes inside a JSON string."""
    return len(json.dumps(text, ensure_ascii=False)) - 2


def unescaped(text: str) -> str:
    """The text that stands in a JSON string as these characters; what cannot stand there is given back as it is."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


def pointer(place: Place) -> str:
    """A place as a JSON pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


def statement(field: str, text: str) -> str:
    """What a value at a JSON pointer says: a short one says it of the nearest property above it."""
    names = [step for step in field.split("/") if step and not step.isdigit()]
    if not names or len(text.split()) >= _STATEMENT_WORDS:
        return text
    name = names[-1].replace("~1", "/").replace("~0", "~")
    label = " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_\-.]+", " ", name).split()).lower()
    return f"{label}: {text}" if label else text


def depth_of(value: Any) -> int:
    """Levels of nesting, counted without recursion, at most one more than are allowed."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        depth += 1
    return depth


def _no_number(literal: str) -> NoReturn:
    raise ValueError(f"{literal} is no number of JSON")


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise ValueError(f"{literal[:20]} is too large a number")
    return number
