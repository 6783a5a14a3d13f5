"""Looking after a store: vectors that are used again, compact, export and import, stores of other schemas."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ingest.intake
import ingest.migration
import ingest.plan
import ingest.rows
from ingest.archive import export_store, import_store
from ingest.chunker import ChunkerSettings
from ingest.errors import IngestError, StoreError, StoreLocked, StoreMismatch, StoreMissing
from ingest.manifest import SCHEMA_VERSION, lock
from ingest.pipeline import ingest_folder, rebuild
from ingest.store import Store
from rag.retriever import Retriever
from tests.conftest import FakeEmbedder

SIZES = ChunkerSettings(max_tokens=60, max_words=60, min_tokens=10, max_context_tokens=10)
STORES = Path(__file__).resolve().parent.parent / "stores"


class Counting(FakeEmbedder):
    """Remembers every text that it embeds."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts):
        self.texts.extend(texts)
        return super().encode(texts)

    def taken(self) -> list[str]:
        texts, self.texts = self.texts, []
        return texts


@pytest.fixture
def embedder():
    return Counting()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    root.mkdir()
    paragraphs = [f"Paragraph {n} tells of valve {n * n} and of twelve other things of little weight." for n in range(20)]
    (root / "long.md").write_text("# Valves\n\n" + "\n\n".join(paragraphs) + "\n", encoding="utf-8")
    (root / "leave.txt").write_text("Employees get 25 days of leave.", encoding="utf-8")
    return root


@pytest.fixture
def run(folder, tmp_path, embedder):
    return lambda: ingest_folder(folder, tmp_path / "store", embedder, SIZES)


def found(store: Path) -> dict[str, tuple]:
    """Every chunk by id with its vector, and the best hit of both searches."""
    snapshot = Store.open(store).snapshot()
    ids, _, _, vectors = snapshot.vectors()
    chunks = snapshot.chunks(ids)
    best = snapshot.text_search(["valv"], 3)
    return {i: (chunks[i], tuple(v)) for i, v in zip(ids, vectors, strict=True)} | {"best": tuple(best)}


def assert_vectors_fit(store: Path) -> None:
    """Every chunk has the vector of its own text."""
    from ingest.chunker import embedded_text

    snapshot = Store.open(store).snapshot()
    ids, _, _, vectors = snapshot.vectors()
    chunks = snapshot.chunks(ids)
    expected = FakeEmbedder().encode([embedded_text(chunks[i]) for i in ids])
    assert np.allclose(vectors, expected, atol=1e-6)


def test_an_edit_embeds_only_the_chunks_that_changed(run, folder, tmp_path, embedder):
    first = run()
    assert first.n_embedded == first.n_chunks == len(embedder.taken()) > 10
    text = (folder / "long.md").read_text(encoding="utf-8")
    (folder / "long.md").write_text(text.replace("tells of valve 49 ", "speaks of tap 50 "), encoding="utf-8")
    report = run()
    texts = embedder.taken()
    assert len(texts) == report.n_embedded == 1
    assert "tap 50" in texts[0]
    assert report.n_chunks == first.n_chunks - 1, "all chunks of the document are written anew"
    assert_vectors_fit(tmp_path / "store")


def test_renamed_moved_and_copied_files_are_not_embedded(run, folder, tmp_path, embedder):
    run()
    embedder.taken()
    (folder / "sub").mkdir()
    # The title of plain text is its file's name, so that only Markdown keeps its texts under another name.
    (folder / "long.md").rename(folder / "sub" / "renamed.md")
    report = run()
    assert (report.added, report.removed, embedder.taken()) == (["sub/renamed.md"], ["long.md"], [])
    shutil.copy(folder / "sub" / "renamed.md", folder / "copy.md")
    (folder / "leave.txt").rename(folder / "sub" / "leave.txt")
    assert sorted(run().added) == ["copy.md", "sub/leave.txt"]
    assert embedder.taken() == []
    assert_vectors_fit(tmp_path / "store")


def test_another_embedder_of_the_same_name_uses_no_vector_again(run, folder, embedder):
    run()
    n_texts = len(embedder.taken())
    embedder.identity = "fake, trained further"
    (folder / "long.md").rename(folder / "renamed.md")
    run()
    assert len(embedder.taken()) == n_texts - 1


def test_a_rebuild_embeds_only_texts_that_are_cut_otherwise(run, folder, tmp_path, embedder):
    run()
    embedder.taken()
    reports = rebuild(
        tmp_path / "store", embedder, ChunkerSettings(max_tokens=50, max_words=60, min_tokens=10, max_context_tokens=10)
    )
    assert reports[0].n_chunks > 10
    assert embedder.taken() == []
    rebuild(tmp_path / "store", embedder, ChunkerSettings(max_tokens=12, max_words=16, min_tokens=10, max_context_tokens=10))
    assert any("Paragraph 3" in text for text in embedder.taken())
    assert_vectors_fit(tmp_path / "store")


def test_a_reader_follows_a_rebuild_and_stops_at_another_embedder(run, tmp_path, embedder):
    run()
    retriever = Retriever(Store.open(tmp_path / "store"), embedder)
    before = retriever.search("valve 49", 3)
    rebuild(tmp_path / "store", embedder, ChunkerSettings(max_tokens=12, max_words=16, min_tokens=0, max_context_tokens=10))
    after = retriever.search("valve 49", 3)
    assert max(len(p.text) for p in after) < max(len(p.text) for p in before)
    embedder.name = "another"
    rebuild(tmp_path / "store", embedder, SIZES)
    with pytest.raises(StoreMismatch, match="was rebuilt with embedder `another`"):
        retriever.search("valve 49", 3)


def test_compact_frees_old_versions_and_a_reader_goes_on(run, folder, tmp_path, embedder):
    run()
    store = Store.open(tmp_path / "store")
    retriever = Retriever(store, embedder)
    stale = retriever._current()
    for number in range(6):
        (folder / "leave.txt").write_text(f"Employees get {number} days of leave. " * 40, encoding="utf-8")
        run()
    before_chunks = found(tmp_path / "store")
    first = Retriever(store, embedder).search("days of leave", 2)
    with store.writing():
        before, after = store.compact()
    size = sum(file.stat().st_size for file in (tmp_path / "store").rglob("*") if file.is_file())
    assert after == size < before / 2
    after_chunks = found(tmp_path / "store")
    assert {i: after_chunks[i] for i in after_chunks if i != "best"} == {
        i: before_chunks[i] for i in before_chunks if i != "best"
    }
    with pytest.raises(StoreError, match="Try again"):
        stale.snapshot.document("leave.txt")
    assert [p.chunk for p in retriever.search("days of leave", 2)] == [p.chunk for p in first]
    assert len(run().unchanged) == 2


def test_compact_removes_what_a_killed_run_and_a_given_up_rebuild_left(run, tmp_path):
    run()
    store = Store.open(tmp_path / "store")
    (store.path / ".manifest.json.abc").write_text("{")
    (store.path / "tables-2" / "lance").mkdir(parents=True)
    with store.writing():
        store.compact()
    assert sorted(path.name for path in store.path.iterdir()) == [".lock", "files.json", "lance", "manifest.json"]


def harmed(files, harm: str) -> None:
    """Delete files, or cut them short."""
    for file in [file for file in files if file.is_file()]:
        file.unlink() if harm == "gone" else file.write_bytes(file.read_bytes()[:20])


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_damaged_indexes_are_named_and_the_next_ingest_makes_them_anew(run, tmp_path, harm):
    run()
    before = found(tmp_path / "store")
    harmed((tmp_path / "store").rglob("_indices/**/*"), harm)
    with pytest.raises(StoreError, match=r"its index for text search is damaged. Run `ingest compact`, or `ingest`") as caught:
        found(tmp_path / "store")
    assert ".rs" not in str(caught.value)
    assert len(run().unchanged) == 2
    assert found(tmp_path / "store") == before


@pytest.mark.parametrize("harm", ["gone", "cut"])
@pytest.mark.parametrize("table", ["documents", "chunks"])
def test_damaged_tables_are_named_and_a_rebuild_repairs_them(run, tmp_path, embedder, table, harm):
    run()
    before = found(tmp_path / "store")
    harmed((tmp_path / "store" / "lance" / f"{table}.lance").rglob("data/*"), harm)
    said = rf"damaged, `{table}.lance/data/\w+.lance` is missing or not as it was written. Run `ingest rebuild`"
    for use in (lambda: found(tmp_path / "store"), run):
        with pytest.raises(StoreError, match=said) as caught:
            use()
        assert ".rs" not in str(caught.value)
    rebuild(tmp_path / "store", embedder, SIZES)
    assert found(tmp_path / "store") == before


@pytest.mark.parametrize("table", ["documents", "chunks"])
def test_a_table_that_is_deleted_is_named(run, tmp_path, embedder, table):
    run()
    shutil.rmtree(tmp_path / "store" / "lance" / f"{table}.lance")
    for use in (
        lambda: found(tmp_path / "store"),
        run,
        lambda: Retriever(Store.open(tmp_path / "store"), embedder).search("x"),
    ):
        with pytest.raises(StoreError, match=rf"`{table}.lance/.* is missing .* Run `ingest rebuild`"):
            use()


def test_a_copy_in_another_place_is_the_same_store(run, folder, tmp_path, embedder):
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4 rubbish")
    run()
    export_store(Store.open(tmp_path / "store"), tmp_path / "backup.zip")
    import_store(tmp_path / "backup.zip", tmp_path / "other")
    assert found(tmp_path / "other") == found(tmp_path / "store")
    assert Store.open(tmp_path / "other").states() == Store.open(tmp_path / "store").states()
    shutil.rmtree(tmp_path / "store")
    embedder.taken()
    report = ingest_folder(folder, tmp_path / "other", embedder, SIZES)
    assert (len(report.unchanged), list(report.failed), embedder.taken()) == (2, ["broken.pdf"], [])


def test_an_export_needs_no_lock_and_overwrites_nothing(run, tmp_path):
    run()
    with lock(tmp_path / "store"):
        export_store(Store.open(tmp_path / "store"), tmp_path / "backup.zip")
    whole = (tmp_path / "backup.zip").read_bytes()
    with pytest.raises(IngestError, match="a file of that name"):
        export_store(Store.open(tmp_path / "store"), tmp_path / "backup.zip")
    assert (tmp_path / "backup.zip").read_bytes() == whole
    with pytest.raises(StoreError, match=r"No such file or directory"):
        export_store(Store.open(tmp_path / "store"), tmp_path / "nowhere" / "backup.zip")
    with pytest.raises(StoreMissing):
        export_store(Store.open(tmp_path / "none"), tmp_path / "x.zip")


def test_an_export_that_fails_leaves_nothing(run, tmp_path, monkeypatch):
    run()
    monkeypatch.setattr(json, "dumps", lambda *args, **options: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="No space left"):
        export_store(Store.open(tmp_path / "store"), tmp_path / "backup.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "store"]


def members(file: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_members(file: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def described(parts: dict[str, bytes], **changes) -> bytes:
    about = json.loads(parts["description.json"])
    for key, value in changes.items():
        about["manifest"][key] = value
    return json.dumps(about).encode()


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda data, parts: data[: len(data) // 2], "damaged"),
        (lambda data, parts: data[:-1], "damaged"),
        (lambda data, parts: b"", "no archive"),
        (lambda data, parts: b"just text", "no archive"),
        (lambda data, parts: data.replace(parts["chunks.arrows"][2000:2010], b"0123456789"), "damaged"),
        (lambda data, parts: parts | {"../../evil": b"x"}, "not those of a store"),
        (lambda data, parts: {k: v for k, v in parts.items() if k != "chunks.arrows"}, "not those of a store"),
        (lambda data, parts: parts | {"chunks.arrows": parts["chunks.arrows"][:3000]}, "damaged"),
        (lambda data, parts: parts | {"documents.arrows": parts["chunks.arrows"]}, "other columns"),
        (lambda data, parts: parts | {"documents.arrows": parts["documents.arrows"] + b"more"}, "digest of its documents"),
        (lambda data, parts: parts | {"description.json": b"[]"}, "damaged"),
        (lambda data, parts: parts | {"description.json": described(parts, strange=1)}, "damaged"),
        (lambda data, parts: parts | {"description.json": described(parts, dim=3)}, "other columns"),
        (lambda data, parts: parts | {"description.json": described(parts, schema_version=99)}, "schema 99"),
    ],
)
def test_a_harmed_archive_is_refused_and_leaves_nothing(run, tmp_path, harm, why):
    run()
    good = tmp_path / "good.zip"
    export_store(Store.open(tmp_path / "store"), good)
    harmed = harm(good.read_bytes(), members(good))
    bad = tmp_path / "bad.zip"
    write_members(bad, harmed) if isinstance(harmed, dict) else bad.write_bytes(harmed)
    with pytest.raises(IngestError, match=why):
        import_store(bad, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "docs", "good.zip", "store"]


def test_no_name_in_an_archive_leads_out_of_its_folder(run, tmp_path):
    run()
    store = Store.open(tmp_path / "store")
    store._table("documents").update(where="name = 'leave.txt'", values={"name": "a/../../leave.txt"})
    export_store(store, tmp_path / "bad.zip")
    with pytest.raises(IngestError, match="leads out of its folder"):
        import_store(tmp_path / "bad.zip", tmp_path / "copy")
    parts = members(tmp_path / "bad.zip")
    run()
    export_store(Store.open(tmp_path / "store"), tmp_path / "good.zip")
    parts = members(tmp_path / "good.zip")
    write_members(tmp_path / "tables.zip", parts | {"description.json": described(parts, tables="../../elsewhere")})
    import_store(tmp_path / "tables.zip", tmp_path / "copy")
    assert Store.open(tmp_path / "copy").tables == tmp_path / "copy" / "lance", "where its tables lay is not taken over"


def test_an_import_overwrites_nothing(run, folder, tmp_path):
    run()
    export_store(Store.open(tmp_path / "store"), tmp_path / "backup.zip")
    before = found(tmp_path / "store")
    for target in (tmp_path / "store", folder, tmp_path / "backup.zip"):
        with pytest.raises(StoreError, match="something is there already"):
            import_store(tmp_path / "backup.zip", target)
    assert found(tmp_path / "store") == before
    (tmp_path / "empty").mkdir()
    import_store(tmp_path / "backup.zip", tmp_path / "empty")
    assert found(tmp_path / "empty") == before
    with pytest.raises(IngestError, match=r"none\.zip"):
        import_store(tmp_path / "none.zip", tmp_path / "copy")


def test_a_change_of_how_words_are_analysed_reaches_stored_chunks_and_embeds_nothing(folder, tmp_path, embedder, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(ingest.rows, "terms", lambda text, language: ["nothing"])
        before.setattr(ingest.rows, "ANALYSIS_VERSION", 0)
        for module in (ingest.intake, ingest.plan):
            before.setattr(module, "LOADERS_VERSION", 1)
        run_before = ingest_folder(folder, tmp_path / "store", embedder, SIZES)
    assert Store.open(tmp_path / "store").snapshot().text_search(["leav"], 3) == []
    embedder.taken()
    report = ingest_folder(folder, tmp_path / "store", embedder, SIZES)
    assert sorted(report.changed) == sorted(run_before.added)
    assert embedder.taken() == []
    assert [identity for identity, _ in Store.open(tmp_path / "store").snapshot().text_search(["leav"], 3)]
    assert Store.open(tmp_path / "store").snapshot().text_search(["nothing"], 3) == []


@pytest.fixture(params=[1, SCHEMA_VERSION])
def kept(request, tmp_path) -> Path:
    """A store as a version of that schema wrote it: two documents and a file that failed."""
    with zipfile.ZipFile(STORES / f"schema-{request.param}.zip") as archive:
        archive.extractall(tmp_path / "kept")
    return tmp_path / "kept"


def test_a_store_of_any_schema_so_far_opens_and_takes_documents(kept, tmp_path, embedder):
    is_first = json.loads((kept / "manifest.json").read_text())["schema_version"] == 1
    passages = Retriever(Store.open(kept), embedder).search("How many days of leave?", 3)
    assert "25 days of leave" in passages[0].text
    assert Store.open(kept).manifest.schema_version == SCHEMA_VERSION
    states = Store.open(kept).states()
    assert {name: state.status for name, state in states.items()} == {
        "leave.md": "stored",
        "valve.txt": "stored",
        "broken.pdf": "failed",
    }
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "valve.txt").write_text("The alpha valve opens at 40 bar.\n", encoding="utf-8")
    (folder / "new.txt").write_text("The beta valve opens at 60 bar.\n", encoding="utf-8")
    report = ingest_folder(folder, kept, embedder, SIZES, source_name="docs")
    # Loaders have changed since, so that the same file is read again; only schema 2 knows the vector of its text.
    assert (report.added, sorted(report.removed), report.changed) == (["new.txt"], ["broken.pdf", "leave.md"], ["valve.txt"])
    assert len(embedder.taken()) == (2 if is_first else 1)
    assert_vectors_fit(kept)


def test_a_store_of_an_older_schema_takes_documents_at_once(kept, tmp_path, embedder):
    (tmp_path / "docs").mkdir()
    report = ingest_folder(tmp_path / "docs", kept, embedder, SIZES, source_name="docs")
    assert sorted(report.removed) == ["broken.pdf", "leave.md", "valve.txt"]


def test_access_rules_and_queries_of_an_older_store_are_kept(kept):
    file = kept / "manifest.json"
    raw = json.loads(file.read_text())
    told = {"access": "*: staff\n", "query": "SELECT * FROM notes", "id_column": "number"}
    raw["sources"][0] |= told
    file.write_text(json.dumps(raw))
    for _ in range(2):  # brought up to date, and then as it was written
        manifest = Store.open(kept).manifest
        assert manifest.schema_version == SCHEMA_VERSION
        assert {key: getattr(manifest.sources[0], key) for key in told} == told


def test_a_migration_that_fails_leaves_the_old_store(tmp_path, monkeypatch):
    with zipfile.ZipFile(STORES / "schema-1.zip") as archive:
        archive.extractall(tmp_path / "kept")
    kept = tmp_path / "kept"
    old = (kept / "manifest.json").read_bytes()
    with lock(kept), pytest.raises(StoreLocked):
        Store.open(kept)
    with monkeypatch.context() as full:
        full.setattr(
            ingest.migration, "chunks_schema", lambda dim: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(StoreError, match="Free some space"):
            Store.open(kept)
    assert (kept / "manifest.json").read_bytes() == old
    assert len(Store.open(kept).snapshot().states) == 2
    assert not (kept / "lance").exists()


def test_a_store_of_a_newer_schema_is_left_alone(run, tmp_path):
    run()
    file = tmp_path / "store" / "manifest.json"
    newer = json.dumps({**json.loads(file.read_text()), "schema_version": SCHEMA_VERSION + 1, "unheard_of": True})
    file.write_text(newer)
    for use in (lambda: Store.open(tmp_path / "store"), run):
        with pytest.raises(StoreMismatch, match="nothing was changed"):
            use()
    assert file.read_text() == newer
