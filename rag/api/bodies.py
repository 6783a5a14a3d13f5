"""What all bodies of requests have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A body that says everything by name; what it does not know is an error."""

    model_config = ConfigDict(extra="forbid")
