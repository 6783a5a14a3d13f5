"""The audit log: who asked and what they were shown, one JSON object a line; the text of questions only if that is wanted."""

import json
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rag.access.principals import Principal
from rag.errors import AccessError


class AuditLog:
    """Appends to one file, which is opened anew for each line, so that it can be moved away at any time."""

    def __init__(self, file: Path, *, with_questions: bool) -> None:
        self._file = file
        self._with_questions = with_questions
        self._lock = threading.Lock()

    def write(
        self, principal: Principal, action: str, request_id: str, documents: Sequence[str] = (), question: str = ""
    ) -> None:
        """Note that a principal did something and which documents it saw by it.

        Raises: AccessError when it cannot be noted: what cannot be noted must not be shown.
        """
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "who": principal.name,
            "how": principal.how,
            "action": action,
            "request": request_id,
            "documents": sorted(set(documents)),
            **({"question": question} if question and self._with_questions else {}),
        }
        line = json.dumps(entry, ensure_ascii=False) + "\n"
        try:
            with self._lock:
                self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(handle, "a", encoding="utf-8") as out:
                    out.write(line)
        except OSError as error:
            raise AccessError(
                f"cannot write the audit log `{self._file}`: {error.strerror}. Free space, or check it."
            ) from error
