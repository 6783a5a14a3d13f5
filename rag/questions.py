"""What a user asks: the question, what may come with it, and what is searched for and quoted to."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.analysis import content_terms
from rag.answers import Policy
from rag.errors import QuestionError
from rag.retriever import Filters
from rag.schema import AnswerSchema
from rag.tools import Offer, Result
from rag.values import is_text

# A follow-up with fewer content words than this cannot be searched by itself ("And in Spain?").
_MIN_STANDALONE_TERMS = 3
_EARLIER_QUESTIONS, _MAX_EARLIER_CHARS = 2, 500
_LEANING = frozenset(
    """it its they them their that this those these he she his her one ones there also and same former latter else
    eso esto ese esa esos esas este esta estos estas ello ellos ellas también y mismo misma él ella su sus lo la los las
    es das dies diese dieser sie ihr auch und ça cela ce cette ils elles leur aussi et""".split()
)


@dataclass(frozen=True)
class Options:
    """What may come with a question; what is None is as the engine says.

    `turns`: earlier turns of the conversation, (role, text). `identity`: the name that the answer is to carry. `effort`: how
    much a reasoning model is to think, empty as it is configured. `schema`: what the answer is to keep to, as JSON. `offer`:
    the client's tools that a generator may call, if it can; `results`: what the calls made for this question gave back.
    """

    turns: Sequence[tuple[str, str]] = ()
    filters: Filters | None = None
    top_k: int | None = None
    identity: str | None = None
    policy: Policy | None = None
    effort: str = ""
    schema: AnswerSchema | None = None
    offer: Offer | None = None
    results: Sequence[Result] = ()


def checked_question(question: str, max_chars: int) -> str:
    """Return the question trimmed.

    Raises: QuestionError when it is empty, longer than `max_chars`, or holds half of a surrogate pair.
    """
    question = question.strip()
    if not is_text(question):
        raise QuestionError("cannot answer the question: it holds half a character (a lone surrogate). Correct it.")
    if not any(character.isalnum() for character in question):
        raise QuestionError("cannot answer an empty question: there is no word in it. Ask in words.")
    if len(question) > max_chars:
        raise QuestionError(
            f"cannot answer a question of {len(question):,} characters: the limit is {max_chars:,}. Shorten it, or raise "
            "answer.max_question_chars."
        )
    return question


def search_text(question: str, turns: Sequence[tuple[str, str]]) -> str:
    """Return what to search for: in a conversation the question, twice so that it weighs most, with the two before it.

    Joining always beats telling first whether a question leans on what was said (data/results/retrieval-experiments.md).
    """
    earlier = [text[:_MAX_EARLIER_CHARS] for role, text in turns if role == "user"][-_EARLIER_QUESTIONS:]
    return " ".join((question, question, *earlier)) if earlier else question


def standalone(question: str, turns: Sequence[tuple[str, str]], language: str) -> str:
    """Return what to quote an answer to: a follow-up that leans on what was said is joined with the user's last question."""
    asked = [text for role, text in turns if role == "user"]
    if not asked:
        return question
    words = [word.strip("¿?¡!.,;:()").lower() for word in question.split()]
    leans = any(word in _LEANING for word in words) or len(content_terms(question, language)) < _MIN_STANDALONE_TERMS
    return f"{asked[-1]} {question}" if leans else question
