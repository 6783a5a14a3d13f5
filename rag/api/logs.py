"""The server's log: one JSON object a line on stderr. No line has a question, a document, or a secret."""

import json
import logging
from datetime import UTC, datetime

_NAME = "rag.api"


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def start_log() -> None:
    """Write the log of the API to stderr from now on."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Lines())
    log = logging.getLogger(_NAME)
    log.handlers, log.propagate = [handler], False
    log.setLevel(logging.INFO)
