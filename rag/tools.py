"""Function tools of a client: what a model may call, the calls that it makes, and what came back, as passages.

A tool is run by whoever offers it, never here. What the model calls is let through only if it names a tool on offer and its
arguments keep to the tool's parameters; what a tool gave back is data like any passage, and is found in no store.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.chunker import ChunkerSettings, chunk_document, word_starts
from ingest.documents import Document, chunk_id
from ingest.errors import LoadError
from ingest.loaders import load_bytes
from ingest.manifest import TOOLS
from rag.answers import Call, Passage
from rag.outgoing import plain
from rag.schema import AnswerSchema
from rag.values import mapped, parsed_json, written

MAX_ROUNDS = 8  # in which a model may call before it has to answer
_PREFIX = f"{TOOLS}:"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_FAULTS = 5
_GAP = "\n\n"  # between two results of one tool


@dataclass(frozen=True)
class Tool:
    """A function that a client offers; `schema` is that of its parameters."""

    name: str
    description: str
    schema: AnswerSchema

    @property
    def key(self) -> str:
        """Its name as far as every server keeps it; no two on offer may have the same."""
        return _key(self.name)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON Schema of its parameters."""
        return self.schema.schema


@dataclass(frozen=True)
class Offer:
    """The tools that a model may call. `is_forced`: it has to; `is_parallel`: several at once."""

    tools: tuple[Tool, ...]
    is_forced: bool = False
    is_parallel: bool = True

    def accepted(self, calls: Sequence[Call]) -> tuple[tuple[Call, ...], tuple[str, ...]]:
        """The calls as they may be passed on, with arguments written anew, and what is wrong with them, told to the model."""
        wanted = calls if self.is_parallel else calls[:1]
        read = [self._read(call) for call in wanted]
        faults = [fault for _, found in read for fault in found][:_MAX_FAULTS]
        if self.is_forced and not calls:
            faults = ["you have to call a function, and you called none"]
        return tuple(call for call, _ in read if call is not None), tuple(faults)

    def has(self, name: str) -> bool:
        """True for the name of a tool on offer."""
        return self._named(name) is not None

    def _read(self, call: Call) -> tuple[Call | None, list[str]]:
        tool = self._named(call.name)
        if tool is None:
            names = ", ".join(tool.name for tool in self.tools)
            return None, [f"there is no function `{plain(call.name)[:64]}`; there are: {names}"]
        try:
            value = mapped(parsed_json(call.arguments or "{}"), plain)
        except ValueError as error:
            return None, [f"the arguments of `{tool.name}` are not JSON: {error}"]
        if not isinstance(value, dict):
            return None, [f"the arguments of `{tool.name}` are no JSON object"]
        faults = [f"in the arguments of `{tool.name}` {fault}" for fault in tool.schema.breaches(value)]
        return (None, faults) if faults else (Call(call.id, tool.name, written(value)[0]), [])

    def _named(self, name: str) -> Tool | None:
        """The tool of a name, also as servers change it: with its namespace, with `_` for `-`, with the rest of a header."""
        key = _key(name.split("<|")[0].removeprefix("functions."))
        return next((tool for tool in self.tools if tool.key == key), None)


@dataclass(frozen=True)
class Result:
    """What a tool gave back for a call."""

    call: Call
    text: str


@dataclass(frozen=True)
class Returned:
    """The passages that a result became; none where it was empty."""

    call: Call
    passages: tuple[Passage, ...]


def is_name(name: str) -> bool:
    """True for what a function may be called, as OpenAI has it."""
    return _NAME.fullmatch(name) is not None


def is_tool_document(name: str) -> bool:
    """True for the name under which results of a tool are cited. No source of documents can have such names."""
    return name.startswith(_PREFIX) and is_name(name.removeprefix(_PREFIX))


def returned(results: Sequence[Result]) -> tuple[Returned, ...]:
    """What tools gave back, as passages of the document `tool:NAME`.

    Results of one tool follow each other in its document, so that a range in it names one place. JSON is read as JSON files
    are: a line for every value.
    """
    texts: dict[str, str] = {}
    placed: list[tuple[Call, int, Document]] = []
    for result in results:
        document = _document(result)
        before = f"{texts[document.name]}{_GAP}" if document.name in texts else ""
        texts[document.name] = before + document.text
        placed.append((result.call, len(before), document))
    hashes = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}
    return tuple(Returned(call, _passages(document, start, hashes[document.name])) for call, start, document in placed)


def beside(made: Sequence[Returned], found: Sequence[Passage]) -> list[Passage]:
    """The passages of results, then those that were found in documents."""
    passages = [*(passage for each in made for passage in each.passages), *found]
    return [replace(passage, rank=rank) for rank, passage in enumerate(passages, start=1)]


def _document(result: Result) -> Document:
    # The words of its name say what a result such as `12` is of. Its arguments do not count: the model wrote them itself.
    title = " ".join(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]+", " ", result.call.name).split())
    name = f"{_PREFIX}{result.call.name}"
    try:
        suffix = ".json" if isinstance(parsed_json(result.text), dict | list) else ".txt"
    except ValueError:
        suffix = ".txt"
    try:
        return replace(load_bytes(result.text.encode("utf-8", "replace"), name, suffix), title=title)
    except LoadError:  # there is not a word in it
        return Document(name, "", "", title)


def _passages(document: Document, start: int, sha256: str) -> tuple[Passage, ...]:
    """A result in passages; it begins at `start` of all that its tool gave back, of which `sha256` is the hash."""
    return tuple(
        Passage(
            chunk=chunk_id(document.name, sha256, start + chunk.start, start + chunk.end),
            document=document.name,
            start=start + chunk.start,
            end=start + chunk.end,
            text=chunk.text,
            page=None,
            score=0.0,
            rank=0,
            context=chunk.context,
            language=chunk.language,
            found_by=("tool",),
            sha256=sha256,
        )
        for chunk in chunk_document(document, word_starts, ChunkerSettings())
    )


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
