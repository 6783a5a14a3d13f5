"""Errors of search, answering and checking that may be shown to a user; anything else is a bug and keeps its traceback.

RagError
├── QuestionError      the question is empty, too long or no text
├── SchemaError        the JSON Schema of an answer cannot be used, or no generator here writes JSON
├── InputError         a batch file or a pair in it is not in the documented form
├── GeneratorError     the generator cannot be used as it is configured
│   └── GeneratorUnavailable   it gives no draft this time: down, slow, overloaded, broken off, not to be understood
├── CheckerError       the check cannot run (its claims count as not supported)
├── AccessError        the accounts or the access rules cannot be read or changed
│   ├── StateError     the server's own files cannot be used
│   └── LoginError     who somebody is was not proved
├── PageError          an image of a page cannot be made
├── CalibrationError   a threshold cannot be calibrated with what was given
├── MonitorError       the monitoring log cannot be written
└── ServerError        the server cannot start

Errors of the store and of configuration come from `ingest.errors`. Wording: what failed `value`: why. What to do.
"""


class RagError(Exception):
    """Base of everything that the query side reports to a user."""


class QuestionError(RagError):
    """The question is empty, too long or no text."""


class SchemaError(RagError):
    """The JSON Schema that an answer is to keep to cannot be used, or the generator writes no JSON."""


class InputError(RagError):
    """A batch file, or a line of it, is not in the documented form; `identity` is the line's id where it has one."""

    def __init__(self, message: str, identity: str | None = None) -> None:
        """Take the message for the user and the id of the line."""
        super().__init__(message)
        self.identity = identity


class GeneratorError(RagError):
    """The generator cannot be used as it is configured: a setting, a file, a key or a model is missing or refused."""


class GeneratorUnavailable(GeneratorError):
    """It gives no draft this time. Ordinary for a server: a question is then answered by quotation, or not, with this reason.

    `wait_s`: after how many seconds another try makes sense; None where it makes none.
    """

    def __init__(self, message: str, *, wait_s: float | None = None) -> None:
        """Take the message for the user."""
        super().__init__(message)
        self.wait_s = wait_s


class CheckerError(RagError):
    """The check cannot run; claims that it should have judged count as not supported."""


class AccessError(RagError):
    """Accounts or access rules cannot be read, or not be changed as was asked."""


class StateError(AccessError):
    """The server's own files cannot be used: whoever asked did nothing wrong."""


class LoginError(AccessError):
    """A login proves nothing: it was not begun here, or what the issuer says does not hold."""


class PageError(RagError):
    """An image of a page cannot be made; `is_changed` where the file is no longer what was ingested."""

    def __init__(self, message: str, *, is_changed: bool = False) -> None:
        """Take the message for the user."""
        super().__init__(message)
        self.is_changed = is_changed


class CalibrationError(RagError):
    """A threshold cannot be calibrated with the questions, the risk or the file that were given."""


class MonitorError(RagError):
    """The monitoring log cannot be written or read."""


class ServerError(RagError):
    """The HTTP server cannot start."""
