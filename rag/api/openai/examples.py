"""Examples of the routes under /v1 for the API page."""

from typing import Any

from rag.api.examples import ANSWER

MODELS: dict[str, Any] = {
    "object": "list",
    "data": [{"id": "grounded-rag", "object": "model", "created": 0, "owned_by": "local"}],
}
_URL = "http://127.0.0.1:8000/documents/text?document=hr%2Fleave.md&start=210&end=245"
_TEXT = "You may take up to five unused days."
_EXTRAS = {
    "document": "hr/leave.md",
    "page": None,
    "quote": "You may take up to five unused days",
    "source_start": 210,
    "source_end": 245,
    "number": 1,
    "verdict": "supported",
    "score": 0.98,
}
_USAGE = {
    "prompt_tokens": 0,
    "completion_tokens": 9,
    "total_tokens": 9,
    "completion_tokens_details": {"reasoning_tokens": 0},
}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-7d1c",
    "object": "chat.completion",
    "created": 1790000000,
    "model": "grounded-rag",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": f"{_TEXT} [1]\n\n---\n[1] [hr/leave.md]({_URL})",
                "refusal": None,
                "annotations": [
                    {
                        "type": "url_citation",
                        "index": 0,
                        "url_citation": {"start_index": 0, "end_index": 36, "title": "hr/leave.md", "url": _URL, **_EXTRAS},
                    }
                ],
            },
            "finish_reason": "stop",
            "logprobs": None,
        }
    ],
    "usage": _USAGE,
    "grounding": ANSWER,
}
CHUNKS = 'data: {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "..."}}]}\n\ndata: [DONE]\n\n'
