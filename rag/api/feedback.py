"""Feedback: what users think of an answer, kept with its receipt; administrators read it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from rag.access.feedback import Rating
from rag.api import examples
from rag.api.auth import Admin, Asker
from rag.api.bodies import Body
from rag.api.errors import GUARDED, responses
from rag.api.services import Wired
from rag.saved import read_saved

router = APIRouter(prefix="/feedback", tags=["Feedback"])


class Opinion(Body):
    """What somebody thinks of an answer."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.OPINION]})

    rating: Rating
    comment: str = Field(default="", max_length=10_000)
    answer: dict[str, Any] = Field(description="the answer object as POST /query gave it out, with its receipt")


@router.post(
    "",
    status_code=201,
    summary="Say what you think of an answer",
    responses=responses(*GUARDED, "input") | {201: examples.shown(examples.KEPT, "it is kept")},
)
def give(body: Opinion, caller: Asker, services: Wired) -> dict[str, Any]:
    """Keep an opinion together with the answer that it is of."""
    kept = services.feedback.add(caller.principal, body.answer, body.rating, body.comment)
    return {"id": kept.id, "receipt_id": kept.receipt_id}


@router.get(
    "",
    summary="Read feedback",
    responses=responses(*GUARDED)
    | {200: examples.shown(examples.FEEDBACK, "the newest first; `next` is the `before` of the next page")},
)
def listed(
    caller: Admin,
    services: Wired,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List what was said, with the answers. For administrators, who may see every document that an answer quotes."""
    found = services.feedback.page(before, limit + 1)
    more = found[limit - 1].id if len(found) > limit else None
    shown = [name for item in found[:limit] for name in read_saved(item.answer).receipt.documents]
    services.audit.write(caller.principal, "feedback", caller.request_id, shown)
    return {"feedback": [item.to_json() for item in found[:limit]], "next": more}
