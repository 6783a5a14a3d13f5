"""JSON and JSON Lines: a line `path: value` for every value, so that each is understandable by itself.

The records of a list stand apart by an empty line, and so do the objects of JSON Lines. Figures are written as they stand in
the file.
"""

import json
from collections.abc import Iterator
from typing import Any

from ingest.errors import LoadError
from ingest.loaders import Loaded
from ingest.loaders.builder import Builder
from ingest.loaders.text import decode

_SHOWN_LINES = 3


def load(data: bytes) -> Loaded:
    """Read a JSON file.

    Raises: LoadError when it is no JSON.
    """
    text = decode(data)
    try:
        value = _parse(text)
    except json.JSONDecodeError as error:
        if len(text.splitlines()) > 1 and error.msg == "Extra data":
            return _lines(text)  # one object a line under the name of a JSON file
        raise LoadError(f"is no JSON that can be read: {error}. Mend it there") from error
    builder = Builder()
    _write(value, builder)
    return builder.finish(whole_lines=True, title=_title(value))


def load_lines(data: bytes) -> Loaded:
    """Read JSON Lines; a line that is no JSON is left out and named in a warning.

    Raises: LoadError when no line is JSON.
    """
    return _lines(decode(data))


def _lines(text: str) -> Loaded:
    builder = Builder()
    broken = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = _parse(line)
        except json.JSONDecodeError as error:
            broken.append(f"line {number}: {error.msg}")
            continue
        builder.gap()
        for path, scalar in _flatten(value, ""):
            builder.line(_line(path, scalar))
    if broken and not builder.position:
        raise LoadError(f"is no JSON Lines that can be read: {broken[0]}. Mend it there")
    if broken:
        more = f", and {len(broken) - _SHOWN_LINES} more" if len(broken) > _SHOWN_LINES else ""
        builder.warnings.append(f"left out lines that are no JSON: {'; '.join(broken[:_SHOWN_LINES])}{more}")
    return builder.finish(whole_lines=True)


def _parse(text: str) -> Any:
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)


def _title(value: Any) -> str:
    title = value.get("title") if isinstance(value, dict) else ""
    return title if isinstance(title, str) else ""


def _write(value: Any, builder: Builder, path: str = "") -> None:
    """Write a value; records are set apart wherever a list of them stands on the way down from the root."""
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            builder.gap()
            own = path if isinstance(item, dict) else f"{path}[{number}]"
            for inner, scalar in _flatten(item, own):
                builder.line(_line(inner, scalar))
        builder.gap()
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            if isinstance(item, dict) and item:
                builder.gap()
            _write(item, builder, inner)
    else:
        for inner, scalar in _flatten(value, path):
            builder.line(_line(inner, scalar))


def _flatten(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every plain value with its path; a list of plain values is one of them, empty ones are left out."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flatten(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        if all(not isinstance(item, dict | list) for item in value):
            if value:
                yield path, ", ".join(_scalar(item) for item in value)
        else:
            for number, item in enumerate(value):
                yield from _flatten(item, f"{path}[{number}]")
    elif value != "":
        yield path, _scalar(value)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _line(path: str, value: str) -> str:
    """`path: value` on one line; white space inside the value collapses."""
    value = " ".join(value.split())
    return f"{path}: {value}" if path else value
