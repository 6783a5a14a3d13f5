"""`/v1/models`: what a client may choose from."""

from typing import Any

from fastapi import APIRouter

from rag.api.auth import Anyone
from rag.api.errors import GUARDED, ApiError, responses
from rag.api.examples import shown
from rag.api.openai import examples
from rag.api.openai.names import MODEL, PLAIN_MODEL
from rag.api.services import Services, Wired

router = APIRouter(prefix="/v1", tags=["OpenAI"])


@router.get(
    "/models",
    summary="List models",
    responses=responses(*GUARDED, is_openai=True) | {200: shown(examples.MODELS, "two that answer, one that embeds")},
)
def models(caller: Anyone, services: Wired) -> dict[str, Any]:
    """List the models: both that answer do the same, the plain one lists no sources in its text."""
    return {"object": "list", "data": [_model(name) for name in _names(services)]}


@router.get(
    "/models/{model:path}",
    summary="One model",
    responses=responses(*GUARDED, "not_found", is_openai=True) | {200: shown(examples.MODELS["data"][0], "the model")},
)
def model(model: str, caller: Anyone, services: Wired) -> dict[str, Any]:
    """Tell of one model."""
    if model not in _names(services):
        raise ApiError("not_found", f"cannot find model `{model[:100]}`: GET /v1/models lists them.", param="model")
    return _model(model)


def _names(services: Services) -> list[str]:
    return [MODEL, PLAIN_MODEL, services.embedder.name]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "local"}
