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
    "place": {"section": "Carrying over"},
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
_FILE_CITATION = {
    "type": "file_citation",
    "file_id": "file-2f6b5d0c9d1f6a7be0c3a1d4",
    "filename": "hr/leave.md",
    "index": 36,
    "start_index": 0,
    "end_index": 36,
    "url": _URL,
    **_EXTRAS,
}
RESPONSE: dict[str, Any] = {
    "id": "resp_7d1c",
    "object": "response",
    "created_at": 1790000000,
    "status": "completed",
    "model": "grounded-rag",
    "output": [
        {"type": "file_search_call", "id": "fs_7d1c", "status": "completed", "queries": ["unused days?"], "results": None},
        {
            "type": "message",
            "id": "msg_7d1c",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": _TEXT, "annotations": [_FILE_CITATION], "logprobs": []}],
        },
    ],
    "grounding": ANSWER,
}
RESPONSE_EVENTS = 'event: response.created\ndata: {"type": "response.created", "sequence_number": 0, "response": {}}\n\n'
DELETED_RESPONSE = {"id": "resp_7d1c", "object": "response", "deleted": True}
_FILE_ID, _STORE_ID = "file-2f6b5d0c9d1f6a7be0c3a1d4", "vs_5be1a7c0f3d94b6d8a2e7c11"


def _list_of(item: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [item], "first_id": item["id"], "last_id": item["id"], "has_more": False}


FILE = {
    "id": _FILE_ID,
    "object": "file",
    "bytes": 5210,
    "created_at": 1790000000,
    "filename": "uploads:ana/leave.md",
    "purpose": "assistants",
    "status": "uploaded",
    "status_details": None,
}
FILES = _list_of(FILE)
_COUNTS = {"in_progress": 0, "completed": 1, "failed": 0, "cancelled": 0, "total": 1}
_ITEM = {
    "id": "msg_0_resp_7d1c",
    "type": "message",
    "role": "user",
    "status": "completed",
    "content": [{"type": "input_text", "text": "unused days?"}],
}
INPUT_ITEMS = _list_of(_ITEM)
STORE = {
    "id": _STORE_ID,
    "object": "vector_store",
    "created_at": 1790000000,
    "name": "handbook",
    "usage_bytes": 5210,
    "file_counts": _COUNTS,
    "status": "completed",
    "metadata": {},
}
STORES = _list_of(STORE)
_ATTRIBUTES = {
    "document": "hr/leave.md", "source": "handbook", "type": "md", "language": "en", "title": "Leave", "pages": 0, "size": 5210
}  # fmt: skip
STORE_FILE = {
    "id": _FILE_ID,
    "object": "vector_store.file",
    "created_at": 1790000000,
    "usage_bytes": 5210,
    "vector_store_id": _STORE_ID,
    "status": "completed",
    "last_error": None,
    "attributes": _ATTRIBUTES,
}
STORE_FILES = _list_of(STORE_FILE)
BATCH = {
    "id": "vsfb_7d1c",
    "object": "vector_store.files_batch",
    "created_at": 1790000000,
    "vector_store_id": _STORE_ID,
    "status": "completed",
    "file_counts": _COUNTS,
}
CANCELLED_BATCH = {**BATCH, "status": "cancelled", "file_counts": {**_COUNTS, "completed": 1, "cancelled": 1, "total": 2}}
CONTENT = {
    "object": "vector_store.file_content.page",
    "data": [{"type": "text", "text": "You may take ..."}],
    "has_more": False,
    "next_page": None,
}
FOUND = {
    "object": "vector_store.search_results.page",
    "search_query": ["unused leave days"],
    "data": [
        {
            "file_id": _FILE_ID,
            "filename": "hr/leave.md",
            "score": 0.91,
            "attributes": _ATTRIBUTES,
            "content": [{"type": "text", "text": "You may take ..."}],
            "page": None,
            "place": {"section": "Carrying over"},
            "start": 120,
            "end": 480,
        }
    ],
    "has_more": False,
    "next_page": None,
}
EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.01, -0.02]}],
    "model": "all-MiniLM-L6-v2",
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}
