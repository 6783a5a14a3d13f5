"""A JSON Schema that an answer is to keep to: read, wrapped so that an answer can cite, and what JSON may keep of its values.

Pure. Nothing is fetched: references stay inside the schema.
"""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from rag.errors import SchemaError
from rag.values import MAX_DEPTH, Cut, Place, cut_down, depth_of, pointer

# It stands in the prompt, beside the passages.
_MAX_CHARS = 20_000
_MAX_FAULTS = 5
_MAX_FAULT_CHARS = 200
_DEFINITIONS = ("$defs", "definitions")
_MAPS = ("additionalProperties", "patternProperties")
_NAMED = ("properties", *_DEFINITIONS)  # what these hold is named by the user, as any keyword may be
_INTO_DEFINITIONS = tuple(f"#/{name}/" for name in _DEFINITIONS)


@dataclass(frozen=True)
class Fault:
    """Where JSON is not as it must be: `complaint` for its writer, `rule` for the user, who is told no unchecked words."""

    complaint: str
    rule: str


@dataclass(frozen=True)
class AnswerSchema:
    """The user's schema; `wrapped`: that of what a generator writes, {"answer": ..., "citations": [markers]}."""

    schema: Mapping[str, Any]
    wrapped: Mapping[str, Any]
    names: frozenset[str]
    validator: jsonschema_rs.Validator

    @property
    def sha256(self) -> str:
        """Digest of the schema, whatever its order of keys and white space."""
        return hashlib.sha256(json.dumps(self.schema, sort_keys=True).encode()).hexdigest()

    def is_kept(self, value: Any) -> bool:
        """True where a value keeps to the schema."""
        return bool(self.validator.is_valid(value))

    def faults(self, value: Any) -> list[Fault]:
        """Where a value does not keep to the schema, at most a few places. Names that the schema does not have count too."""
        found = [
            Fault(f"at {pointer(('answer', *error.instance_path))}: {error.message[:_MAX_FAULT_CHARS]}", _rule(error))
            for error in self.validator.iter_errors(value)
        ]
        # Such a name would be words of the generator that nothing checks.
        found += [
            Fault(f"at {pointer(('answer', *place))}: the format has no such property", "no other property")
            for place in _properties(value)
            if place[-1] not in self.names
        ]
        return found[:_MAX_FAULTS]

    def breaches(self, value: Any) -> list[str]:
        """Where a value does not keep to the schema and nothing more, for its writer; at most a few places."""
        errors = itertools.islice(self.validator.iter_errors(value), _MAX_FAULTS)
        return [f"at `{pointer(tuple(error.instance_path)) or '/'}`: {error.message[:_MAX_FAULT_CHARS]}" for error in errors]

    def dictates(self, place: Place) -> bool:
        """True where the schema leaves no choice: what stands there says nothing of the documents.

        That something stands there at all is a choice, unless its property is required.
        """
        if place and (not isinstance(place[-1], str) or place[-1] not in _at(self.schema, place[:-1]).get("required", ())):
            return False
        part = _at(self.schema, place)
        return "const" in part or (isinstance(part.get("enum"), list) and len(part["enum"]) == 1)


def read_schema(file: Path) -> AnswerSchema:
    """Read a schema from a file.

    Raises: SchemaError when it cannot be read or used.
    """
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else f"it is not JSON: {error}"
        raise SchemaError(f"cannot use schema `{file}`: {why}. Name a file with a JSON Schema.") from error
    return make_schema(schema, f"`{file}`")


def make_schema(schema: Any, name: str = "of the request", *, with_maps: bool = False) -> AnswerSchema:
    """Take a schema that was read already; `name` is what errors call it.

    An answer may have no names of its own, as nothing checks them: `with_maps` is for schemas of what is no answer.
    Raises: SchemaError when it cannot be used.
    """
    if not isinstance(schema, dict):
        raise SchemaError(f"cannot use schema {name}: it is no JSON object. Give a JSON Schema.")
    if depth_of(schema) > MAX_DEPTH or len(json.dumps(schema)) > _MAX_CHARS:
        raise SchemaError(
            f"cannot use schema {name}: it has over {_MAX_CHARS:,} characters or {MAX_DEPTH} levels. Give a smaller one."
        )
    try:
        validator = jsonschema_rs.validator_for(schema, offline=True, validate_formats=True)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        why = str(getattr(error, "message", error))[:_MAX_FAULT_CHARS].rstrip(". ")
        raise SchemaError(
            f"cannot use schema {name}: {why}. Correct it; references must stay inside it, as nothing is fetched."
        ) from error
    if not with_maps and (free := next(_free_names(schema), None)):
        why = f"`{free}` leaves names of properties to the answer, which nothing checks"
        raise SchemaError(f"cannot use schema {name}: {why}. Name the properties, or take an array of objects.")
    return AnswerSchema(schema, _wrapped(schema), frozenset(_names(schema)), validator)


def fitted(value: Any, failed: list[Place], schema: AnswerSchema) -> Mapping[Place, Cut] | None:
    """What to cut so that nothing that failed is left and the rest keeps to the schema; None where no rest does.

    A value goes alone where it may, by null or by leaving it out; else with what it belongs to.
    """
    cuts: dict[Place, Cut] = {}
    for place in failed:
        if any(place[:n] in cuts for n in range(len(place) + 1)):
            continue
        for where, cut in _choices(place):
            tried: dict[Place, Cut] = {**cuts, where: cut}
            if schema.is_kept(cut_down(value, tried)[0]):
                cuts = tried
                break
        else:
            return None
    return cuts


def _choices(place: Place) -> Iterator[tuple[Place, Cut]]:
    """Ways to be rid of a value, the smallest first."""
    for n in range(len(place), 0, -1):
        yield place[:n], "null"
        yield place[:n], "out"


def _rule(error: Any) -> str:
    return "`/" + "/".join(str(step) for step in error.schema_path) + "`"


def _wrapped(schema: Mapping[str, Any]) -> dict[str, Any]:
    definitions = {name: _moved(schema[name]) for name in _DEFINITIONS if name in schema}
    inner = _moved({name: value for name, value in schema.items() if name not in ("$schema", "$id", *_DEFINITIONS)})
    return {
        "type": "object",
        "properties": {
            "answer": {"anyOf": [inner, {"type": "null"}]},
            "citations": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["answer", "citations"],
        "additionalProperties": False,
        **definitions,
    }


def _moved(schema: Any) -> Any:
    """The schema with its references as they must read once it stands under "answer" and its definitions do not."""
    if isinstance(schema, list):
        return [_moved(value) for value in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {name: _moved(value) for name, value in schema.items()}
    to = schema.get("$ref")
    if isinstance(to, str) and (to == "#" or to.startswith("#/")) and not to.startswith(_INTO_DEFINITIONS):
        moved["$ref"] = "#/properties/answer/anyOf/0" + to[1:]
    return moved


def _names(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for value in schema.values():
            yield from _names(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _names(value)


def _free_names(schema: Any) -> Iterator[str]:
    """Keywords by which objects of a schema are to have properties of any name, and none that it names."""
    if isinstance(schema, dict):
        yield from (
            word for word in _MAPS if isinstance(schema.get(word), dict) and schema[word] and not schema.get("properties")
        )
        for key, value in schema.items():
            yield from _free_names(list(value.values()) if key in _NAMED and isinstance(value, dict) else value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _free_names(value)


def _properties(value: Any, place: Place = ()) -> Iterator[Place]:
    for step, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if isinstance(step, str):
            yield (*place, step)
        yield from _properties(inner, (*place, step))


def _at(root: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """The part of a schema that says what stands at a place; empty where that is not plain."""
    found = _resolved(root, root)
    for step in place:
        inner = found.get("properties", {}).get(step) if isinstance(step, str) else found.get("items")
        found = _resolved(inner, root) if isinstance(inner, dict) else {}
    return found


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(MAX_DEPTH):  # a reference may lead to another, even in a ring
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        found: Any = root
        for step in filter(None, reference.removeprefix("#").split("/")):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        schema = found if isinstance(found, dict) else {}
    return {}
