"""What clients of OpenAI's API send, as a question with its turns. What they say as system or developer has no authority.

Fields that are not known are ignored, as OpenAI's clients expect; what is asked for and cannot be done is refused.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, Field

from rag.answers import Policy
from rag.api.asking import MAX_TURN_CHARS, MAX_TURNS, Narrowed, Query, Turn
from rag.api.bodies import Whole
from rag.api.errors import ApiError
from rag.api.openai.names import PLAIN, Link
from rag.api.openai.writing import RULE, Writer
from rag.api.services import Services
from rag.questions import checked_question
from rag.structured import require_writer

_EFFORTS = {"none": "low", "minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_NO_FORM = "a form other than `text` and `json_schema` says nothing of what the JSON is to hold. Name a schema"
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")


class Loose(Whole):
    """A body of which what is not known is ignored."""

    model_config = ConfigDict(extra="ignore")


class Message(Loose):
    """One message of a conversation; `content` is text, or parts of which some are text."""

    role: str = Field(max_length=40)
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class Asked(Narrowed, Loose):
    """What both ways of asking have in common: the model, and this product's own fields, which others leave out."""

    model: str = Field(
        default="", max_length=200, description="any name is taken; `-plain` at its end is as `list_sources` false"
    )
    policy: Policy | None = Field(default=None, description="what becomes of unsupported claims; not set: as configured")
    stream: bool | None = False
    list_sources: bool | None = Field(default=None, description="number citations in the text and list their sources")

    def query(
        self, messages: Sequence[Message], effort: str | None, schema: dict[str, Any] | None, services: Services
    ) -> Query:
        """The question of a conversation: what its user said last, with the turns before it; `schema` as `schema_of` gives it.

        Raises: ApiError when nobody asks, or it holds what cannot be read; QuestionError; SchemaError.
        """
        said = [message for message in messages if message.role in ("user", "assistant") and not message.tool_calls]
        turns = [(message.role, text_of(message.content)) for message in said]
        while turns and turns[-1][0] != "user":
            turns.pop()
        if not turns:
            raise ApiError("unsupported", "cannot answer: no message of role `user` asks anything. Add one.", param="messages")
        question = checked_question(turns.pop()[1], services.engine.max_question_chars)
        earlier = [Turn(role=role, text=_said(text)[:MAX_TURN_CHARS]) for role, text in turns[-MAX_TURNS:]]
        narrowed = {name: getattr(self, name) for name in Narrowed.model_fields}
        query = Query(question=question, turns=earlier, policy=self.policy, effort=_effort(effort), schema=schema, **narrowed)
        if query.answer_schema() is not None:
            require_writer(services.engine.generator)
        return query

    def writer(self, services: Services, link: Link, *, with_sources: bool, max_tokens: int | None) -> Writer:
        """A writer of the answer as the body wants it; `with_sources` where it does not say."""
        with_sources = with_sources and not self.model.endswith(PLAIN)
        if self.list_sources is not None:
            with_sources = self.list_sources
        policy = self.policy or services.engine.policy
        return Writer(policy, link, lambda text: n_tokens(services, text), with_sources, max_tokens)


def text_of(content: str | Sequence[dict[str, Any]] | None) -> str:
    """The text of a message.

    Raises: ApiError when a part of it is no text.
    """
    if isinstance(content, str):
        return content
    content = content or []
    wrong = next((part.get("type") for part in content if part.get("type") not in _TEXT_PARTS), None)
    if wrong is not None or not all(isinstance(_words(part), str) for part in content):
        raise ApiError(
            "unsupported", f"cannot read a part of type `{str(wrong)[:40]}`: only text is read. Send text.", param="messages"
        )
    return "\n".join(_words(part) for part in content)


def schema_of(form: Any, field: str) -> dict[str, Any] | None:
    """The JSON Schema of a response format, None for text; `strict` is taken for true.

    Raises: ApiError when it is another form, or has no schema.
    """
    if not isinstance(form, dict) or form.get("type", "text") == "text":
        return None
    refuse(form["type"] != "json_schema", field, _NO_FORM)
    named = form.get("json_schema", form)
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise ApiError("unsupported", f"cannot take `{field}`: it has no `schema` that is an object. Add one.", param=field)
    return schema


def n_tokens(services: Services, text: str) -> int:
    """Length of a text in tokens of the embedder, the only tokeniser that is always at hand."""
    return len(services.embedder.token_starts(text))


def refuse(is_asked: bool, field: str, why: str) -> None:
    """Refuse a field whose value asks for what cannot be done.

    Raises: ApiError.
    """
    if is_asked:
        raise ApiError("unsupported", f"cannot take `{field}`: {why}. Leave it out.", param=field)


def _words(part: dict[str, Any]) -> Any:
    return part.get("refusal") if part.get("type") == "refusal" else part.get("text")


def _said(text: str) -> str:
    """An earlier answer without the list of its sources."""
    return text.rpartition(RULE)[0] or text


def _effort(effort: str | None) -> Any:
    if effort and effort not in _EFFORTS:
        raise ApiError(
            "unsupported", f"cannot take effort `{effort[:40]}`: take low, medium or high.", param="reasoning_effort"
        )
    return _EFFORTS[effort] if effort else ""
