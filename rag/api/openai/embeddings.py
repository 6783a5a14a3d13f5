"""`/v1/embeddings`: texts as vectors, by the embedder that the store was made with."""

import base64
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from rag.api.auth import Asker
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.asked import Loose, n_tokens, refuse
from rag.api.services import Wired

router = APIRouter(prefix="/v1", tags=["OpenAI"])


class Texts(Loose):
    """Texts to be embedded; `input_type` is for embedders that tell questions from passages."""

    input: str | list[str] | list[int] | list[list[int]]
    model: str = Field(max_length=400)
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = None
    input_type: Literal["passage", "query"] = "passage"

    def texts(self) -> list[str]:
        """The texts.

        Raises: ApiError when there are none, or tokens in their place.
        """
        texts = [self.input] if isinstance(self.input, str) else self.input
        is_text = bool(texts) and len(texts) <= 2048 and all(isinstance(text, str) and text for text in texts)
        refuse(not is_text, "input", "it must be one text, or 1 to 2048 of them, none empty; tokens are not read")
        return [str(text) for text in texts]


@router.post(
    "/embeddings",
    summary="Embed texts",
    responses=responses(*GUARDED, "not_found", "unsupported", "overloaded", "stopped", is_openai=True)
    | {200: shown(examples.EMBEDDINGS, "one vector of length 1 for each text")},
)
async def embed(body: Texts, request: Request, caller: Asker, services: Wired) -> dict[str, Any]:
    """Embed texts. Only the name of the embedder itself is taken: vectors of two models cannot be compared."""
    embedder, texts = services.embedder, body.texts()
    if body.model != embedder.name:
        why = f"this server embeds with `{embedder.name}`"
        raise ApiError("not_found", f"cannot embed with `{body.model[:100]}`: {why}. Name that.", param="model")
    encode = embedder.encode_queries if body.input_type == "query" else embedder.encode
    vectors = await services.work.run(request, lambda stop: encode(texts))
    refuse(body.dimensions not in (None, vectors.shape[1]), "dimensions", f"vectors have {vectors.shape[1]}")
    rows = (_as_base64(row) if body.encoding_format == "base64" else row.tolist() for row in vectors)
    n = await run_in_threadpool(lambda: sum(n_tokens(services, text) for text in texts))
    return {
        "object": "list",
        "data": [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)],
        "model": embedder.name,
        "usage": {"prompt_tokens": n, "total_tokens": n},
    }


def _as_base64(row: Any) -> str:
    """A vector as OpenAI packs it: float32, the low byte first."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode()
