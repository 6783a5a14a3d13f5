"""What a principal may read now: the rules of the configuration and of the folders, read again whenever a file changes.

    access.file              rules over document names as the store has them; where a folder has some too, both must allow
    FOLDER/.ragaccess        rules of the folder's own documents, by their path in it
    what the store recorded  the same file as it was at ingestion, where the folder is not at hand now or lost its file

Uploads belong to whoever uploaded them, unless access.file says otherwise. A file that cannot be read or understood denies
everything but to administrators.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from ingest.journal import FileState
from ingest.manifest import ACCESS_FILE, Source, read_manifest
from rag.access.principals import Principal
from rag.access.rules import Layer, Rule, Rules, parse_rules
from rag.errors import AccessError

Stamp = tuple[int, int, int] | None
Readable = Callable[[FileState], bool]


class Rights:
    """The access rules as they are at this moment. Safe to use from several threads."""

    def __init__(self, store: Path, rules_file: Path | None) -> None:
        self._store = store
        self._rules_file = rules_file
        self._lock = threading.Lock()
        self._stamps: dict[Path, Stamp] = {}
        self._rules: Rules | None = None
        self._sources: tuple[Source, ...] = ()

    def readable(self, principal: Principal) -> Readable | None:
        """What the principal may read, as a predicate for `Filters.readable`; None for everything.

        Raises: AccessError when a rules file cannot be read; StoreError when the store cannot.
        """
        if principal.is_admin:
            return None
        rules = self.current()
        if not rules:
            return None
        tokens = principal.tokens
        return lambda state: rules.allows(tokens, state.name, state.source)

    def current(self) -> Rules:
        """The rules, read anew if a file of theirs changed.

        Raises: AccessError, StoreError.
        """
        with self._lock:
            manifest = self._store / "manifest.json"
            if self._rules is None or self._stamps.get(manifest) != _stamp(manifest):
                self._stamps = {manifest: _stamp(manifest)}
                self._sources = read_manifest(self._store).sources
                self._rules = None
            files = [*filter(None, [self._rules_file]), *(Path(source.root) / ACCESS_FILE for source in self._sources)]
            stamps = {file: _stamp(file) for file in files}
            if self._rules is None or any(self._stamps.get(file) != stamp for file, stamp in stamps.items()):
                self._rules = None  # what cannot be read now must not leave older, wider rights behind
                self._rules = Rules(list(self._layers(stamps)))
                self._stamps.update(stamps)
            return self._rules

    def _layers(self, stamps: Mapping[Path, Stamp]) -> Iterator[Layer]:
        if self._rules_file is not None:
            yield Layer(_read(self._rules_file))
        for source in self._sources:
            file = Path(source.root) / ACCESS_FILE
            told = f"{file} as ingested"
            rules = _read(file) if stamps[file] is not None else parse_rules(source.access, told)
            yield Layer(rules, source.name, source.prefix)


def _read(file: Path) -> tuple[Rule, ...]:
    try:
        return parse_rules(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise AccessError(
            f"cannot read access rules `{file}`: {why}. Until it can be read nobody may; check the path and its permissions."
        ) from error


def _stamp(file: Path) -> Stamp:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
