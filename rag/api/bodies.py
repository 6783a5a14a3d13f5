"""What all bodies of requests have in common."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from rag.values import is_text


def whole(value: Any) -> Any:
    """Return the JSON of a body as it is.

    Raises: ValueError where a string in it has half of a surrogate pair, which could not be kept, logged or given back.
    """
    if not is_text(value):
        raise ValueError("it holds half a character (a lone surrogate)")
    return value


class Whole(BaseModel):
    """A body whose strings are text."""

    _whole = model_validator(mode="before")(whole)


class Body(Whole):
    """A body that says everything by name; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid")
