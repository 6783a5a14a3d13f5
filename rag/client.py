"""A client of the HTTP API for programs in Python: ask, stream, search, check, documents.

from rag.client import Client

with Client("http://127.0.0.1:8000", key="rag_...") as client:
    answer = client.ask("How many leave days may I carry over?")
    for claim in answer.claims:
        print(claim.text, claim.verdict, [citation.quote for citation in claim.citations])
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from rag.answers import Citation, Claim, Passage, Place, Policy, location_from
from rag.errors import RagError


class ClientError(RagError):
    """The server refused, failed or could not be reached. `kind` is the type of its error; `status` 0 where none came."""

    def __init__(self, message: str, kind: str = "connection", status: int = 0, request_id: str = "") -> None:
        """Take the message for the user and what the server told beside it."""
        super().__init__(message)
        self.kind = kind
        self.status = status
        self.request_id = request_id


@dataclass(frozen=True)
class Reply:
    """An answer as the server gave it. `json` is the whole object, as `rag verify` and `POST /verify` take it."""

    text: str
    abstained: bool
    reason: str | None
    confidence: float
    claims: tuple[Claim, ...]
    withheld: tuple[Claim, ...]
    json: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Narrowing:
    """What a question may be restricted to; what is empty restricts nothing."""

    documents: Sequence[str] = ()
    languages: Sequence[str] = ()
    types: Sequence[str] = ()
    sources: Sequence[str] = ()
    top_k: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the request that say something."""
        return {name: list(value) if name != "top_k" else value for name, value in vars(self).items() if value}


class Client:
    """One server. Safe to use from several threads."""

    def __init__(self, base_url: str = "http://127.0.0.1:8000", *, key: str = "", timeout_s: float = 300.0) -> None:
        """Take the address of a server and, where it asks for one, a key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s)

    def ask(
        self,
        question: str,
        *,
        turns: Sequence[tuple[str, str]] = (),
        within: Narrowing = Narrowing(),
        policy: Policy | None = None,
    ) -> Reply:
        """Ask a question; `turns` are earlier ones, (role, text). An abstention is a reply, not an error.

        Raises: ClientError.
        """
        return _reply(self._json("POST", "/query", json=_query(question, turns, within, policy)))

    def stream(
        self,
        question: str,
        *,
        turns: Sequence[tuple[str, str]] = (),
        within: Narrowing = Narrowing(),
        policy: Policy | None = None,
    ) -> Iterator[Claim | Reply]:
        """Ask a question; gives each claim once it was checked, its positions unknown as yet, and at the end the reply.

        Raises: ClientError, also on the way.
        """
        body = {**_query(question, turns, within, policy), "stream": True}
        with _connecting(), self._http.stream("POST", "/query", json=body) as response:
            if response.is_error:
                response.read()
                raise _refused(response)
            kind = ""
            for line in response.iter_lines():
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data" and kind == "claim":
                    yield _claim(json.loads(value))
                elif name == "data" and kind == "answer":
                    yield _reply(json.loads(value))
                elif name == "data" and kind == "error":
                    error = json.loads(value)["error"]
                    raise ClientError(error["message"], error["type"], response.status_code, error["request_id"])

    def search(self, question: str, *, within: Narrowing = Narrowing()) -> list[Passage]:
        """Find passages, best first.

        Raises: ClientError.
        """
        found = self._json("POST", "/search", json={"question": question, **within.to_json()})
        return [_passage(passage) for passage in found["passages"]]

    def check(self, answer: str, sources: Mapping[str, str], *, question: str | None = None) -> dict[str, Any]:
        """Judge every claim of an answer against sources, text by id; gives the object that `rag check --json` prints.

        Raises: ClientError.
        """
        texts = [{"id": identity, "text": text} for identity, text in sources.items()]
        return self._json("POST", "/check", json={"answer": answer, "sources": texts, "question": question})

    def documents(self, **filters: str) -> Iterator[dict[str, Any]]:
        """List all documents that may be read; filters are those of `GET /documents`: folder, type, language, source, text.

        Raises: ClientError.
        """
        after: str | None = ""
        while after is not None:
            page = self._json("GET", "/documents", params={**filters, "after": after})
            yield from page["documents"]
            after = page["next"]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        with _connecting():
            response = self._http.request(method, path, **options)
        if response.is_error:
            raise _refused(response)
        found: dict[str, Any] = response.json()
        return found


@contextmanager
def _connecting() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        raise ClientError(f"cannot reach the server: {error}. Start it with `rag serve`, or check the address.") from error


def _refused(response: httpx.Response) -> ClientError:
    try:
        error = response.json()["error"]
        return ClientError(error["message"], error["type"], response.status_code, error["request_id"])
    except (ValueError, KeyError, TypeError):  # something between here and the server answered
        what = f"it answered {response.status_code}, and not as this product does"
        return ClientError(f"cannot use the server: {what}. Check the address.", "http", response.status_code)


def _query(question: str, turns: Sequence[tuple[str, str]], within: Narrowing, policy: Policy | None) -> dict[str, Any]:
    said = [{"role": role, "text": text} for role, text in turns]
    return {"question": question, "turns": said, "policy": policy, **within.to_json()}


def _reply(found: dict[str, Any]) -> Reply:
    claims, withheld = (tuple(map(_claim, found[name])) for name in ("claims", "withheld"))
    return Reply(found["text"], found["abstained"], found["reason"], found["confidence"], claims, withheld, found)


def _passage(found: dict[str, Any]) -> Passage:
    also = tuple(Place(**place) for place in found.get("also", ()))
    about = tuple(found.get("about", {}).items())
    return Passage(chunk="", **{**_located(found), "also": also, "about": about})


def _citation(found: Mapping[str, Any]) -> Citation:
    return Citation(**_located(found))


def _located(found: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with `place` as the location that it tells."""
    fields = {name: value for name, value in found.items() if name != "place"}
    return {**fields, "location": location_from(found.get("place"), found["start"], found["end"])}


def _claim(found: Mapping[str, Any]) -> Claim:
    """A claim; one that has no place in the answer stands at 0 to 0."""
    return Claim(
        text=found["text"],
        start=found.get("start", 0),
        end=found.get("end", 0),
        citations=tuple(map(_citation, found["citations"])),
        verdict=found["verdict"],
        score=found["score"],
        reason=found["reason"],
        suggestion=_citation(found["suggestion"]) if found.get("suggestion") else None,
        contradicted_by=tuple(map(_citation, found.get("contradicted_by", []))),
    )
