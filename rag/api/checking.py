"""Answers that exist already: `POST /check` against given sources, `POST /verify` against the documents of today."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import AfterValidator, ConfigDict, Field

from rag.api import examples
from rag.api.auth import Asker
from rag.api.bodies import Body as Strict
from rag.api.bodies import whole
from rag.api.errors import GUARDED, responses
from rag.api.services import Wired
from rag.checker.check import check_answer
from rag.verification import verify as verify_answer

router = APIRouter(tags=["Checking"])


class Source(Strict):
    """A text to check against; its id is what a marker in the answer names."""

    id: str = Field(max_length=200)
    text: str = Field(max_length=1_000_000)


class Pair(Strict):
    """An answer and the sources to check it against."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PAIR]})

    id: str | None = Field(default=None, max_length=200)
    answer: str = Field(max_length=100_000, description="`[x]` is a marker if `x` is the id of a source")
    sources: list[Source] = Field(max_length=1000, description="none at all is allowed: every claim is then `not_enough`")
    question: str | None = Field(default=None, max_length=100_000)


@router.post(
    "/check",
    summary="Check any answer against any sources",
    responses=responses(*GUARDED, "overloaded", "rag", "stopped")
    | {200: examples.shown(examples.CHECKED, "a verdict for every claim")},
)
async def check(body: Pair, request: Request, caller: Asker, services: Wired) -> dict[str, Any]:
    """Judge every claim of an answer, as `rag check` does. No stored document is looked at."""
    sources = [(source.id, source.text) for source in body.sources]
    checker = services.engine.checker
    result = await services.work.run(request, lambda stop: check_answer(body.answer, sources, checker, body.question))
    return {"id": body.id, **result}


@router.post(
    "/verify",
    summary="Check an answer that was kept against the documents of today",
    responses=responses(*GUARDED, "input", "overloaded", "rag", "stopped")
    | {200: examples.shown(examples.VERIFIED, "what became of every claim")},
)
async def verify(
    request: Request,
    caller: Asker,
    services: Wired,
    answer: Annotated[dict[str, Any], AfterValidator(whole), Body(description="an answer object, as POST /query gave it out")],
) -> dict[str, Any]:
    """Say of every claim and citation whether it still stands, as `rag verify` does.

    Documents that the caller may not read count as gone.
    """

    def work() -> dict[str, Any]:
        snapshot = services.engine.retriever.snapshot()
        readable = services.rights.readable(caller.principal)
        seen = snapshot if readable is None else snapshot.only(readable)
        verification = verify_answer(answer, seen, services.engine.checker)
        found = {c.now.document for claim in verification.claims for c in claim.citations if c.now is not None}
        services.audit.write(caller.principal, "verify", caller.request_id, sorted(found))
        return verification.to_json()

    return await services.work.run(request, lambda stop: work())
