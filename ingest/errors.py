"""Errors of ingestion that may be shown to a user; anything else is a bug and keeps its traceback.

IngestError
├── ConfigError          a configuration file, variable or key is wrong
├── LoadError            one file cannot be read (the run goes on)
│   ├── UnsupportedFile  no loader for this kind of file
│   ├── LimitPassed      it takes more time, memory or text than is given to a file
│   └── ReadInterrupted  for a reason outside of the file; another run may read it
├── EmbedderError        the embedding model is missing, damaged or not the expected one
└── StoreError           the store cannot be opened, read or written
    ├── StoreMissing     there is no store at this path
    ├── StoreLocked      another process is writing to it
    └── StoreMismatch    the store was made with other settings

Wording: what failed `value`: why. What to do.
"""


class IngestError(Exception):
    """Base of everything that ingestion reports to a user."""


class ConfigError(IngestError):
    """A configuration file, environment variable or key is wrong."""


class LoadError(IngestError):
    """One file cannot be turned into a document; other files go on."""


class UnsupportedFile(LoadError):
    """No loader reads this kind of file."""


class LimitPassed(LoadError):
    """A file takes more time or memory, or holds more text, than the settings give it."""


class ReadInterrupted(LoadError):
    """A file was not read to its end for a reason outside of it: the next run tries again."""


class EmbedderError(IngestError):
    """The embedding model is missing, damaged or not the one expected."""


class StoreError(IngestError):
    """The store cannot be opened, read or written."""


class StoreMissing(StoreError):
    """There is no store at this path."""


class StoreLocked(StoreError):
    """Another process is writing to the store."""


class StoreMismatch(StoreError):
    """The store was made with another embedder, chunker or schema."""
