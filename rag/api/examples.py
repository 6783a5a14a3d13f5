"""Examples for the API page: one answer to each route."""

from typing import Any

_CITATION = {
    "document": "hr/leave.md",
    "page": None,
    "start": 210,
    "end": 245,
    "quote": "You may take up to five unused days",
    "score": 0.98,
    "place": {"section": "Carrying over"},
}
_CLAIM = {
    "text": "You may take up to five unused days.",
    "start": 0,
    "end": 36,
    "verdict": "supported",
    "score": 0.98,
    "reason": "supported",
    "citations": [_CITATION],
}
ANSWER = {
    "id": "7d1c",
    "question": "How many unused leave days may I carry over?",
    "abstained": False,
    "reason": None,
    "confidence": 0.93,
    "text": "You may take up to five unused days.",
    "claims": [_CLAIM],
    "withheld": [],
    "receipt": {"id": "c0ffee"},
    "timings_ms": {"total": 84.2},
}
EVENTS = 'event: status\ndata: {"stage": "retrieve"}\n\nevent: answer\ndata: {"id": "7d1c", "abstained": false}\n\n'
PASSAGES = {
    "passages": [
        {
            "rank": 1,
            "score": 2.31,
            "document": "hr/leave.md",
            "page": None,
            "start": 120,
            "end": 480,
            "text": "You may ...",
            "place": {"section": "Carrying over"},
            "about": {"title": "Leave", "author": "Ana Ruiz", "modified": "2026-01-31T12:00:00"},
            "also": [{"document": "archive/leave.md", "page": None, "start": 120, "end": 480}],
        }
    ]
}
PAIR: dict[str, Any] = {"answer": "The fee is 40 euros.", "sources": [{"id": "s1", "text": "The fee is 30 euros."}]}
CHECKED = {
    "id": None,
    "supported": False,
    "score": 0.01,
    "claims": [
        {
            "text": "The fee is 40 euros.",
            "start": 0,
            "end": 20,
            "verdict": "contradicted",
            "score": 0.01,
            "citations": [],
            "unsupported_spans": [{"start": 11, "end": 13}],
        }
    ],
}
VERIFIED = {
    "id": "7d1c",
    "status": "confirmed",
    "holds": True,
    "receipt": "c0ffee",
    "digest": "holds",
    "problems": [],
    "notes": [],
    "claims": [],
}
STATE = {
    "document": "hr/leave.pdf",
    "source": "handbook",
    "type": "pdf",
    "title": "Leave policy",
    "language": "en",
    "status": "stored",
    "reason": "",
    "size": 18231,
    "pages": 3,
    "chunks": 12,
    "sha256": "9f86d081884c7d65...",
    "changed": "2026-01-31",
    "is_queued": False,
}
DOCUMENTS = {"documents": [STATE], "total": 1, "next": None}
TEXT = {
    "document": "hr/leave.pdf",
    "sha256": "9f86d081884c7d65...",
    "title": "Leave policy",
    "start": 0,
    "end": 5,
    "length": 5120,
    "text": "Leave",
    "pages": [{"page": 1, "start": 0, "end": 1800}],
}
DELETED = {"document": "uploads:plan.pdf", "is_removed": True}
UPLOAD = {
    "id": "4be0643f1d98573b97cdca98",
    "at": "2026-01-31T12:00:00+00:00",
    "is_done": False,
    "files": [
        {
            "name": "plan.pdf",
            "document": "uploads:plan.pdf",
            "sha256": "9f86d081884c7d65...",
            "status": "queued",
            "reason": "",
        }
    ],
}
OPINION: dict[str, Any] = {"rating": "bad", "comment": "wrong year", "answer": {"id": "7d1c"}}
KEPT = {"id": 7, "receipt_id": "c0ffee"}
FEEDBACK = {
    "feedback": [{"at": "2026-01-31T12:00:00+00:00", "principal": "ana", **OPINION, **KEPT}],
    "next": None,
}
CONVERSATION = {
    "id": "Xy7kPq2mW0aBcDeF",
    "title": "Leave and holidays",
    "created": "2026-01-31T12:00:00.000+00:00",
    "updated": "2026-01-31T12:05:00.000+00:00",
    "questions": 1,
    "is_own": True,
    "is_shared": False,
}
CONVERSATIONS = {"conversations": [CONVERSATION], "total": 1}
SAID = {
    **CONVERSATION,
    "turns": [
        {"id": 1, "at": "2026-01-31T12:05:00.000+00:00", "question": ANSWER["question"], "answer": ANSWER, "changed": []}
    ],
}
USER = {"name": "ana", "scopes": ["ask", "read"], "groups": ["hr"], "created": "2026-01-31T12:00:00+00:00"}
KEY = {
    "id": "4be0643f1d98",
    "name": "intranet",
    "scopes": ["ask", "read"],
    "groups": [],
    "user": None,
    "created": "2026-01-31T12:00:00+00:00",
    "expires": None,
    "revoked": None,
}
ACCOUNTS = {"users": [USER], "keys": [KEY]}
UNANSWERED = {
    "is_kept": True,
    "questions": [{"question": "Who won?", "reason": "no_evidence", "times": 2, "last": "2026-01-31T12:00:00+00:00"}],
}
AGAIN = {"document": "uploads:plan.pdf", "is_queued": True}
SESSION = {
    "user": "ana",
    "groups": ["hr"],
    "scopes": ["ask", "read"],
    "how": "session",
    "csrf": "kJx0...",
    "expires": "2026-01-31T12:00:00+00:00",
}
STATUS = {
    "documents": 26,
    "chunks": 311,
    "sources": {"handbook": 26},
    "languages": {"en": 20, "es": 6},
    "generator": "quote",
    "checker": "cross-encoder",
}


def shown(value: Any, description: str) -> dict[str, Any]:
    """A JSON response in the API page."""
    return {"description": description, "content": {"application/json": {"example": value}}}
