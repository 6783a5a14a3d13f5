"""The answer object as somebody kept it: what verification reads of it, and what it must be to be read at all.

Fields that are not listed here are let pass: later versions may add some, and the digest covers them where they belong to a
claim.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from rag.errors import InputError


class SavedCitation(BaseModel):
    """A citation: `quote` stood at `start:end` of the document."""

    document: str
    page: int | None = None
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    quote: str


class SavedClaim(BaseModel):
    """A claim: `text` stands at `start:end` of the answer's text; `field` points to its value where that is JSON."""

    text: str
    start: int = Field(ge=0)
    end: int = Field(ge=0)
    field: str | None = None
    verdict: str
    citations: list[SavedCitation]


class SavedChecker(BaseModel):
    """The checker that judged then."""

    name: str
    version: str
    threshold: float


class SavedPolicy(BaseModel):
    """What became of unsupported claims; the early versions had the one policy."""

    name: str = "strict"


class SavedSchema(BaseModel):
    """What an answer that is JSON keeps to: `dictated` are pointers to the values that the schema leaves no choice in."""

    dictated: list[str] = []


class SavedReceipt(BaseModel):
    """A receipt; the early ones have neither `id` nor `answer_sha256` nor `loaders`."""

    id: str | None = None
    answer_sha256: str | None = None
    created_at: str | None = None
    checker: SavedChecker | None = None
    policy: SavedPolicy = SavedPolicy()
    documents: dict[str, str] = {}
    loaders: dict[str, int] = {}
    passages: list[str] = []
    schema_: SavedSchema | None = Field(default=None, alias="schema")


class SavedAnswer(BaseModel):
    """An answer object."""

    id: str | None = Field(default=None, coerce_numbers_to_str=True)
    question: str = ""
    abstained: bool = False
    reason: str | None = None
    text: str
    value: Any = None
    claims: list[SavedClaim]
    receipt: SavedReceipt = SavedReceipt()


def read_saved(answer: Mapping[str, Any]) -> SavedAnswer:
    """Read an answer object.

    Raises: InputError that names the first field that is not as it must be.
    """
    try:
        return SavedAnswer.model_validate(answer)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        identity = answer.get("id")
        raise InputError(
            f"cannot verify an answer: `{place}`: {first['msg']}. Give the object that `rag ask --json` printed.",
            None if identity is None else str(identity),
        ) from error
