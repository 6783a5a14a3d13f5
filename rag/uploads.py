"""Files that users upload: a folder of their own, ingested in the background as the source `uploads`.

    STATE/uploads/NAME           uploaded by the local user, where nobody authenticates: document `uploads:NAME`
    STATE/uploads/OWNER/NAME     else: document `uploads:OWNER/NAME`

The folder is the record. A file is written whole or not at all, and ingestion makes the store equal to the folder, as for any
other: a server that is killed takes the rest up when it starts again. It knows no HTTP.
"""

import hashlib
import json
import secrets
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Literal

from ingest.chunker import ChunkerSettings
from ingest.containers import ARCHIVES, SEPARATOR, suffix_of, why_hidden
from ingest.embedder import Embedder
from ingest.errors import IngestError, StoreLocked
from ingest.limits import ReadLimits
from ingest.loaders import SUFFIXES
from ingest.manifest import UPLOADS, Source, disk_errors
from ingest.pipeline import ingest_folder, read_again
from ingest.store import Store
from rag.access.database import Database
from rag.access.principals import LOCAL, Principal

Outcome = Literal["refused", "unchanged", "queued", "stored", "failed", "gone"]
_BLOCK_BYTES = 1 << 20
_RETRY_S = 1.0
_MAX_NAME_BYTES = 200
_MAX_LOOKED_AT = 100  # uploads of one principal that may still wait


@dataclass(frozen=True)
class UploadedFile:
    """One file of an upload. `document` is None where it was refused, `reason` says why it was or why it failed."""

    name: str
    document: str | None
    sha256: str
    status: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Upload:
    """What was sent in one request, as it stands now."""

    id: str
    at: str
    principal: str
    files: tuple[UploadedFile, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the status resource."""
        return {
            "id": self.id,
            "at": self.at,
            "is_done": not any(f.status == "queued" for f in self.files),
            "files": [asdict(f) for f in self.files],
        }


@dataclass(frozen=True)
class Waiting:
    """A file that is yet to be ingested: its document, size in bytes, since when, and what hinders it, if anything does."""

    document: str
    size: int
    at: str
    reason: str


class Uploads:
    """The folder of uploads, and the thread that ingests it. Safe to use from several threads."""

    def __init__(
        self,
        folder: Path,
        store: Path,
        embedder: Embedder,
        settings: ChunkerSettings,
        limits: ReadLimits,
        database: Database,
    ) -> None:
        self._folder = folder
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._limits = limits
        self._database = database
        self._changed = threading.Condition()
        self._wanted = self._done = 0
        self._error = ""
        self._others: dict[str, Path] = {}  # folders to ingest besides, by their sources
        self._is_closed = False
        self._thread: threading.Thread | None = None

    @property
    def n_waiting(self) -> int:
        """Runs of ingestion that are wanted and not done."""
        return self._wanted - self._done

    def start(self) -> None:
        """Take up what an earlier server left."""
        if self._folder.is_dir() and any(self._folder.rglob("*")):
            self._ingest_soon()

    def take(self, principal: Principal, files: Sequence[tuple[str, IO[bytes]]]) -> Upload:
        """Take files in; what cannot be taken is refused with its reason, and stops nothing.

        Raises: AccessError when the upload cannot be noted; StoreError when the disk is full.
        """
        with disk_errors(self._folder):
            taken = tuple(self._take(principal, name, content) for name, content in files)
        if any(file.status == "queued" for file in taken):
            self._ingest_soon()
        upload = Upload(secrets.token_hex(12), datetime.now(UTC).isoformat(timespec="seconds"), principal.name, taken)
        row = (upload.id, upload.at, principal.name, json.dumps([asdict(file) for file in taken]))
        with self._database.open() as db:
            db.execute("insert into uploads values (?, ?, ?, ?)", row)
        return upload

    def status(self, identity: str) -> Upload | None:
        """How an upload stands, None if there is none of that id."""
        with self._database.open() as db:
            row = db.execute("select * from uploads where id = ?", (identity,)).fetchone()
        if row is None:
            return None
        is_busy = self.n_waiting > 0  # read before the store: what is stored by then must not be called gone
        states = Store.open(self._store).states(UPLOADS)
        files = []
        for file in (UploadedFile(**file) for file in json.loads(row["files"])):
            state = states.get(file.document or "")
            if file.status == "refused":
                files.append(file)
            elif state is not None and state.sha256 == file.sha256:
                is_failed = state.status == "failed"
                files.append(
                    UploadedFile(file.name, file.document, file.sha256, "failed" if is_failed else "stored", state.reason)
                )
            elif is_busy or self._error:
                files.append(UploadedFile(file.name, file.document, file.sha256, "queued", self._error))
            else:
                files.append(UploadedFile(file.name, file.document, file.sha256, "gone", "it was replaced or deleted since"))
        return Upload(row["id"], row["at"], row["principal"], tuple(files))

    def waiting(self, principal: Principal) -> list[Waiting]:
        """Files that a principal uploaded and that are yet to be ingested, each once."""
        if not self.n_waiting and not self._error:
            return []
        query = "select id from uploads where principal = ? order by at desc, rowid desc limit ?"
        with self._database.open() as db:
            rows = db.execute(query, (principal.name, _MAX_LOOKED_AT)).fetchall()
        found: dict[str, Waiting] = {}
        for upload in filter(None, (self.status(row["id"]) for row in rows)):
            for file in upload.files:
                if file.status == "queued" and file.document and self._path(file.document).is_file():
                    size = self._path(file.document).stat().st_size
                    found.setdefault(file.document, Waiting(file.document, size, upload.at, file.reason))
        return list(found.values())

    def delete(self, document: str, timeout_s: float = 30.0) -> bool:
        """Delete an uploaded file and take it out of the store; False if the store is busy and it will be gone later."""
        self._path(document).unlink(missing_ok=True)
        wanted = self._ingest_soon()
        with self._changed:
            return self._changed.wait_for(lambda: self._done >= wanted, timeout_s)

    def again(self, document: str, source: Source) -> None:
        """Have a file of any source read anew in the background; a part is read with the file that holds it.

        Raises: IngestError when the store is busy or the folder is away; then nothing happens.
        """
        if not Path(source.root).is_dir():
            why = f"its folder `{source.root}` is not there. Mount it, or name it to `ingest` again"
            raise IngestError(f"cannot read `{document}` anew: {why}.")
        read_again(self._store, document.split(SEPARATOR)[0])
        if source.name != UPLOADS:
            with self._changed:
                self._others[source.name] = Path(source.root)
        self._ingest_soon()

    def close(self) -> None:
        """Finish the run that is under way and take up no other; the next server will."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _take(self, principal: Principal, given: str, content: IO[bytes]) -> UploadedFile:
        name = PurePosixPath(given.replace("\\", "/")).name
        if reason := _unfit(name):
            return UploadedFile(given, None, "", "refused", reason)
        folder = self._folder if principal.name == LOCAL.name else self._folder / principal.name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        written, sha256 = _write(content, folder)
        same = self._same(folder, written.stat().st_size, sha256)
        if same is not None:
            written.unlink()
            return UploadedFile(given, self._document(same), sha256, "unchanged")
        written.replace(folder / name)
        return UploadedFile(given, self._document(folder / name), sha256, "queued")

    def _same(self, folder: Path, size: int, sha256: str) -> Path | None:
        """A file of the same owner with the same content."""
        files = (file for file in sorted(folder.iterdir()) if file.is_file() and not why_hidden(file.name))
        return next((file for file in files if file.stat().st_size == size and _digest(file) == sha256), None)

    def _document(self, file: Path) -> str:
        return f"{UPLOADS}:{file.relative_to(self._folder).as_posix()}"

    def _path(self, document: str) -> Path:
        return self._folder / PurePosixPath(document.removeprefix(f"{UPLOADS}:"))

    def _ingest_soon(self) -> int:
        """Have the folder ingested; returns the number of the run after which that is done."""
        with self._changed:
            self._wanted += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="uploads", daemon=True)
                self._thread.start()
            self._changed.notify_all()
            return self._wanted

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._wanted > self._done)
                if self._is_closed:
                    return
                wanted = self._wanted
            self._run()
            with self._changed:
                self._done = wanted
                self._changed.notify_all()

    def _run(self) -> None:
        """Ingest what is wanted; where another process writes to the store, wait until it is done."""
        with self._changed:
            folders = {UPLOADS: self._folder} if self._folder.is_dir() else {}
            folders, self._others = {**folders, **self._others}, {}
        while not self._is_closed:
            try:
                for name, folder in folders.items():
                    ingest_folder(folder, self._store, self._embedder, self._settings, limits=self._limits, source_name=name)
                self._error = ""
                return
            except StoreLocked:
                time.sleep(_RETRY_S)
            except (IngestError, OSError) as error:  # the next upload tries again; until then the status says why
                self._error = str(error)
                with self._changed:
                    self._others = {name: folder for name, folder in folders.items() if name != UPLOADS} | self._others
                return


def _unfit(name: str) -> str:
    """Why a file of this name is not taken; empty if it is."""
    suffix = suffix_of(name)
    if not name or why_hidden(name) or name in (".", ".."):
        return "it has no name, or that of a hidden or temporary file. Rename it"
    if len(name.encode()) > _MAX_NAME_BYTES or any(ord(character) < 32 for character in name) or "!" in name:
        return "its name is too long, or has characters that are not allowed. Rename it"
    if suffix not in SUFFIXES and suffix not in ARCHIVES:
        return f"no loader reads `{suffix or 'no suffix'}`. Convert it to PDF or text"
    return ""


def _write(content: IO[bytes], folder: Path) -> tuple[Path, str]:
    """Write an upload under a hidden name, which ingestion passes over; gives its path and SHA-256."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-", delete=False) as out:
        try:
            while block := content.read(_BLOCK_BYTES):
                digest.update(block)
                out.write(block)
        except OSError:
            Path(out.name).unlink()
            raise
    return Path(out.name), digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
