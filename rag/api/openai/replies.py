"""A response of OpenAI's Responses API as it grows: its events one by one, and the whole. It knows no HTTP.

The output has the search in the documents, then the message or the calls of the client's functions. What a model reasoned is
in none of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag.answers import Answer, Passage
from rag.api.openai.items import call_item
from rag.api.openai.names import MODEL, file_id, relevance
from rag.api.openai.writing import Cited, Piece, Told
from rag.tools import is_tool_document

Json = dict[str, Any]
_SEARCH, _MESSAGE = 0, 1  # their places in the output


@dataclass
class Reply:
    """One response on its way. `echo`: what it repeats of the request; `with_results`: name what the search found.

    `with_urls`: citations are of addresses, for clients that show no files.
    """

    id: str
    created: int
    question: str
    echo: Mapping[str, Any]
    with_results: bool
    with_urls: bool = False
    pieces: list[Piece] = field(default_factory=list)
    end: Told | None = None
    usage: Json | None = None

    @property
    def text(self) -> str:
        """The text as far as it is written."""
        return "".join(piece.text for piece in self.pieces)

    @property
    def is_refusal(self) -> bool:
        """True where words stand for the JSON that was wanted."""
        return any(piece.is_refusal for piece in self.pieces)

    def take(self, part: str | Piece | Told, usage: Json | None = None) -> None:
        """Take in what has come; `usage` comes with the end."""
        if isinstance(part, Piece):
            self.pieces.append(part)
        elif isinstance(part, Told):
            self.end, self.usage = part, usage

    def whole(self) -> Json:
        """The response as it is kept, once its end has come."""
        assert self.end is not None
        status = "incomplete" if self.end.is_cut else "completed"
        output = [self.search("completed"), *(self.calls() or [self.message(status, [self.part()])])]
        cut = {"incomplete_details": {"reason": "max_output_tokens"}} if self.end.is_cut else {}
        return {**self.shell(status, output), **cut, "usage": self.usage, "grounding": self.end.answer.to_json()}

    def shell(self, status: str, output: Sequence[Json] = ()) -> Json:
        """The response with so much output."""
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "model": MODEL,
            "output": list(output),
            "usage": None,
            **self.echo,
        }

    def search(self, status: str) -> Json:
        """The item of the search."""
        results = _results(self.end.answer) if self.with_results and self.end is not None else None
        identity = f"fs_{self.id.removeprefix('resp_')}"
        return {"type": "file_search_call", "id": identity, "status": status, "queries": [self.question], "results": results}

    def message(self, status: str, content: Sequence[Json] = ()) -> Json:
        """The item of the answer."""
        identity = f"msg_{self.id.removeprefix('resp_')}"
        return {"type": "message", "id": identity, "status": status, "role": "assistant", "content": list(content)}

    def calls(self, status: str = "completed") -> list[Json]:
        """The items of the calls, in the place of a message where there are any."""
        calls = self.end.answer.calls if self.end is not None else ()
        return [call_item(call, f"fc_{n}_{self.id.removeprefix('resp_')}", status) for n, call in enumerate(calls)]

    def part(self) -> Json:
        """The content of the answer: its text with citations, or a refusal where JSON was wanted and there is none."""
        if self.is_refusal:
            return {"type": "refusal", "refusal": self.text}
        annotations = [self.annotation(cited) for piece in self.pieces for cited in piece.cited]
        return {"type": "output_text", "text": self.text, "annotations": annotations, "logprobs": []}

    def annotation(self, cited: Cited) -> Json:
        """A citation; `index` of a file's is where in the text its claim ends, and the other fields are more exact."""
        place = {"start_index": cited.start, "end_index": cited.end, "url": cited.url, **cited.extras()}
        document = cited.citation.document
        if self.with_urls:
            return {"type": "url_citation", "title": document, **place}
        if is_tool_document(document):
            del place["url"]
        return {"type": "file_citation", "file_id": file_id(document), "filename": document, "index": cited.end, **place}


class EventWriter:
    """Tells of a response as it grows. Where the search's results are wanted the text waits for them, at the end."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._n_events = 0
        self._n_told = 0  # pieces
        self._n_cited = 0
        self._is_searching = True

    def opening(self) -> Iterator[Json]:
        """What comes before anything is done."""
        yield self._event("response.created", response=self._reply.shell("in_progress"))
        yield self._event("response.in_progress", response=self._reply.shell("in_progress"))
        item = self._reply.search("in_progress")
        yield self._event("response.output_item.added", output_index=_SEARCH, item=item)
        for stage in ("in_progress", "searching"):
            yield self._event(f"response.file_search_call.{stage}", output_index=_SEARCH, item_id=item["id"])

    def more(self) -> Iterator[Json]:
        """What is to be told since the last time, of what the reply has taken in by now."""
        reply = self._reply
        if (not reply.pieces and reply.end is None) or (reply.with_results and reply.end is None):
            return
        if self._is_searching:
            yield from self._found()
        if reply.end is not None and reply.end.answer.calls:
            yield from self._called()
            return
        if self._n_told == 0:
            yield from self._opened()
        for piece in reply.pieces[self._n_told :]:
            yield from self._piece(piece)
        self._n_told = len(reply.pieces)
        if reply.end is not None:
            yield from self._ending()

    def failed(self, error: Mapping[str, Any]) -> Json:
        """The end where there is no answer; `error` as OpenAI's clients know it."""
        code = "rate_limit_exceeded" if error["type"] == "rate_limit_error" else "server_error"
        response = {**self._reply.shell("failed"), "error": {"code": code, "message": error["message"]}}
        return self._event("response.failed", response=response)

    def _found(self) -> Iterator[Json]:
        self._is_searching = False
        item = self._reply.search("completed")
        yield self._event("response.file_search_call.completed", output_index=_SEARCH, item_id=item["id"])
        yield self._event("response.output_item.done", output_index=_SEARCH, item=item)

    def _called(self) -> Iterator[Json]:
        items = zip(self._reply.calls("in_progress"), self._reply.calls(), strict=True)
        for index, (begun, done) in enumerate(items, start=_MESSAGE):
            place = {"output_index": index, "item_id": done["id"]}
            yield self._event("response.output_item.added", output_index=index, item=begun)
            yield self._event("response.function_call_arguments.delta", **place, delta=done["arguments"])
            told = {"name": done["name"], "arguments": done["arguments"]}
            yield self._event("response.function_call_arguments.done", **place, **told)
            yield self._event("response.output_item.done", output_index=index, item=done)
        response = self._reply.whole()
        yield self._event(f"response.{response['status']}", response=response)

    def _opened(self) -> Iterator[Json]:
        yield self._event("response.output_item.added", output_index=_MESSAGE, item=self._reply.message("in_progress"))
        empty: Json = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        if self._reply.is_refusal:
            empty = {"type": "refusal", "refusal": ""}
        yield self._event("response.content_part.added", **self._place(), part=empty)

    def _piece(self, piece: Piece) -> Iterator[Json]:
        if piece.is_refusal:
            yield self._event("response.refusal.delta", **self._place(), delta=piece.text)
            return
        yield self._event("response.output_text.delta", **self._place(), delta=piece.text, logprobs=[])
        for cited in piece.cited:
            more = {"annotation_index": self._n_cited, "annotation": self._reply.annotation(cited)}
            yield self._event("response.output_text.annotation.added", **self._place(), **more)
            self._n_cited += 1

    def _ending(self) -> Iterator[Json]:
        response = self._reply.whole()
        item = response["output"][_MESSAGE]
        text = self._reply.text
        if self._reply.is_refusal:
            yield self._event("response.refusal.done", **self._place(), refusal=text)
        else:
            yield self._event("response.output_text.done", **self._place(), text=text, logprobs=[])
        yield self._event("response.content_part.done", **self._place(), part=item["content"][0])
        yield self._event("response.output_item.done", output_index=_MESSAGE, item=item)
        yield self._event(f"response.{response['status']}", response=response)

    def _place(self) -> Json:
        return {"output_index": _MESSAGE, "content_index": 0, "item_id": self._reply.message("")["id"]}

    def _event(self, kind: str, **fields: Any) -> Json:
        self._n_events += 1
        return {"type": kind, "sequence_number": self._n_events - 1, **fields}


def names_of_found(answer: Answer) -> list[str]:
    """Names of the documents that the search's results show something of."""
    return [result["filename"] for result in _results(answer)]


def _results(answer: Answer) -> list[Json]:
    return [_result(passage) for passage in answer.passages if not is_tool_document(passage.document)]


def _result(passage: Passage) -> Json:
    attributes = {"document": passage.document, "language": passage.language, "start": passage.start, "end": passage.end}
    page = {} if passage.page is None else {"page": passage.page}
    return {
        "file_id": file_id(passage.document),
        "filename": passage.document,
        "score": relevance(passage),
        "text": passage.text,
        "attributes": {**attributes, **page},
    }
