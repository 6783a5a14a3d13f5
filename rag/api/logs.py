"""The server's log: one JSON object a line on stderr. No line has a question, a document, or a secret."""

import json
import logging
from datetime import UTC, datetime

_NAME, _TRACES = "rag.api", "opentelemetry"  # the latter says when spans cannot be sent


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
    for name in (_NAME, _TRACES):
        log = logging.getLogger(name)
        log.handlers, log.propagate = [handler], False
    logging.getLogger(_NAME).setLevel(logging.INFO)
