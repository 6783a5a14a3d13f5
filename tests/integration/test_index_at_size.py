"""The written index of a large store, at a lowered limit: as good as exact, never behind the store, built anew when damaged."""

import errno
import json
import os
import shutil
import threading
import time

import numpy as np
import pytest

import ingest.inverted
import ingest.serving
from ingest.documents import Chunk, Document, chunk_id
from ingest.errors import StoreError
from ingest.inverted import InvertedIndex
from ingest.journal import FileState
from ingest.rows import edition_of
from ingest.serving import Serving
from ingest.store import Batch, Store
from ingest.table_indexes import INDEXED_FROM
from rag.retriever import Filters, Retriever, RetrieverSettings
from tests.conftest import FakeEmbedder

DIM, PER_DOCUMENT, N_DOCUMENTS = 64, 20, 200
LIMIT = 2000


def words_of(number: int) -> str:
    """Text of a chunk: every tenth of them shares a subject, so that vectors lie in groups as real ones do."""
    draw = np.random.default_rng(number)
    return " ".join([f"subject{number % 97}", f"topic{number % 13}", *(f"word{word}" for word in draw.integers(0, 400, 9))])


def put(store: Store, names: list[str], salt: int = 0, removed: tuple[str, ...] = ()) -> None:
    """Make documents what readers see; another `salt` is another text."""
    chunks, documents, editions = [], [], {}
    for name in names:
        number = int(name.split(".")[0]) * PER_DOCUMENT + salt * 1_000_000
        texts = [words_of(number + place) for place in range(PER_DOCUMENT)]
        sha = f"{salt}"
        own = []
        for text in texts:
            start = sum(len(chunk.text) + 1 for chunk in own)
            own.append(
                Chunk(
                    id=chunk_id(name, sha, start, start + len(text)),
                    document=name,
                    start=start,
                    end=start + len(text),
                    text=text,
                    page=None,
                    context="",
                    language="en",
                )
            )
        editions[name] = edition_of(own)
        chunks += own
        state = FileState(name, "docs", sha, 1, 1, 1, "stored", n_chunks=PER_DOCUMENT, language="en", edition=editions[name])
        documents.append((Document(name=name, text="\n".join(texts), sha256=sha, title="", language="en"), state))
    if chunks:
        vectors = FakeEmbedder().encode([chunk.text for chunk in chunks])
        store.add(chunks, editions, [chunk.id for chunk in chunks], vectors)
    store.commit(Batch(documents=documents, removed=list(removed)))


def name_of(number: int) -> str:
    return f"{number}.{'md' if number % 2 else 'txt'}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A store of 4,000 chunks with its written index."""
    path = tmp_path_factory.mktemp("size") / "store"
    store = Store.create(path, embedder="fake", dim=DIM, chunker={})
    put(store, [name_of(number) for number in range(N_DOCUMENTS)])
    store.finish()
    Serving(LIMIT, FakeEmbedder().encode_queries).index(store.snapshot(), store.index_folder)
    return path


@pytest.fixture
def store(made, tmp_path):
    shutil.copytree(made, tmp_path / "store")
    return Store.open(tmp_path / "store")


QUESTIONS = [words_of(number * 37 + 5)[:40] for number in range(40)]


def exact(store: Store, query, limit, names=None) -> list[str]:
    ids, documents, _, vectors = store.snapshot().vectors()
    rows = [row for row, name in enumerate(documents) if names is None or name in names]
    return [ids[rows[place]] for place in np.argsort(-(vectors[rows] @ query), kind="stable")[:limit]]


def recall(index, store, queries, names=None) -> float:
    """Share of the ten best that are found; those as near as the tenth count as well."""
    ids, documents, _, vectors = store.snapshot().vectors()
    rows = [row for row, name in enumerate(documents) if names is None or name in names]
    of_id, shares = dict(zip(ids, vectors, strict=True)), []
    for query in queries:
        cosines = np.sort(vectors[rows] @ query)[::-1][:10]
        found = index.search(query, 10, None if names is None else index.scope(names))
        assert len(found) == len(cosines)
        assert [score for _, score in found] == pytest.approx(
            [float(of_id[identity] @ query) for identity, _ in found], abs=1e-5
        )
        shares.append(np.mean([score >= cosines[-1] - 1e-6 for _, score in found]))
    return float(np.mean(shares))


def index_of(store: Store, limit: int = LIMIT):
    return Serving(limit, FakeEmbedder().encode_queries).index(store.snapshot(), store.index_folder)


def written(store: Store) -> list[str]:
    folder = store.index_folder
    return sorted(entry.name for entry in folder.iterdir() if entry.name.isdigit()) if folder.is_dir() else []


QUERIES = FakeEmbedder().encode_queries(QUESTIONS)


def test_a_small_store_is_searched_exactly_and_writes_nothing(store):
    shutil.rmtree(store.index_folder)
    index = index_of(store, limit=100_000)
    assert recall(index, store, QUERIES) == 1.0
    assert written(store) == []


def test_a_large_store_is_searched_as_well_as_exactly(store):
    index = index_of(store)
    assert len(index) == N_DOCUMENTS * PER_DOCUMENT
    assert recall(index, store, QUERIES) >= 0.98


@pytest.mark.parametrize("share", [0.5, 0.2, 0.1, 0.03, 0.01, 0.004])
def test_a_filter_finds_what_an_exact_filtered_search_finds(store, share):
    draw = np.random.default_rng(3)
    names = {name_of(int(number)) for number in draw.permutation(N_DOCUMENTS)[: max(1, int(share * N_DOCUMENTS))]}
    index = index_of(store)
    assert index.scope(names).n == len(names) * PER_DOCUMENT
    assert recall(index, store, QUERIES, names) >= 0.98


def test_a_filter_of_what_lies_far_from_the_question_still_fills_the_list(store):
    index, query = index_of(store), QUERIES[0]
    nearest_first = list(dict.fromkeys(index.documents_of(exact(store, query, len(index)))))
    far = set(nearest_first[-100:])
    found = index.search(query, 100, index.scope(far))
    assert len(found) == 100
    assert set(index.documents_of([identity for identity, _ in found])) <= far
    assert recall(index, store, [query], far) == 1.0


def test_deleted_and_replaced_documents_never_come_and_new_ones_do(store):
    serving = Serving(LIMIT, FakeEmbedder().encode_queries)
    serving.index(store.snapshot(), store.index_folder)
    deleted, replaced, new = name_of(5), name_of(6), name_of(N_DOCUMENTS + 1)
    before = set(exact(store, QUERIES[0], 10_000, {deleted, replaced}))
    with store.writing():
        put(store, [replaced], salt=1, removed=(deleted,))
        put(store, [new])
    index = serving.index(store.snapshot(), store.index_folder)
    assert len(index) == N_DOCUMENTS * PER_DOCUMENT
    for query in QUERIES:
        found = [identity for identity, _ in index.search(query, 1000)]
        assert not before.intersection(found)
        assert deleted not in index.documents_of(found)
    for text_of in (new, replaced):
        own = exact(store, QUERIES[0], 1, {text_of})
        ids, _, _, vectors = store.snapshot().vectors()
        vector = vectors[ids.index(own[0])]
        assert own[0] in [identity for identity, _ in index.search(vector, 3)]
        assert index.cosines(vector, own) == pytest.approx([1.0], abs=1e-5)
    assert index.scope({deleted}).n == 0
    assert recall(index, store, QUERIES) >= 0.98
    assert written(store) == ["1"]


def test_an_index_that_lags_behind_is_renewed_while_it_serves(store):
    serving = Serving(LIMIT, FakeEmbedder().encode_queries, wait_s=0.0)
    folder = store.index_folder
    serving.index(store.snapshot(), folder)
    with store.writing():
        put(store, [name_of(N_DOCUMENTS + number) for number in range(40)], removed=tuple(map(name_of, range(20))))
    index = serving.index(store.snapshot(), folder)
    assert recall(index, store, QUERIES) >= 0.98
    deadline = time.monotonic() + 60
    while not serving.generation and time.monotonic() < deadline:
        assert len(index.search(QUERIES[0], 10)) == 10
    assert serving.generation == 1
    assert written(store) == ["2"]
    assert len(index.search(QUERIES[0], 10)) == 10  # its files are gone, which whoever still reads it does not notice
    assert recall(serving.index(store.snapshot(), folder), store, QUERIES) >= 0.98


@pytest.mark.parametrize("file", ["meta.json", *ingest.inverted._FILES])
@pytest.mark.parametrize("harm", ["gone", "cut", "flipped"])
def test_a_damaged_index_is_not_opened(store, file, harm):
    path = store.index_folder / "1" / file
    content = bytearray(path.read_bytes())
    if harm == "gone":
        path.unlink()
    else:
        content[len(content) // 2] ^= 255
        path.write_bytes(content if harm == "flipped" else content[: len(content) // 2])
    with pytest.raises((OSError, ValueError, LookupError, TypeError, RuntimeError)):
        InvertedIndex(path.parent)


def test_an_index_that_is_damaged_or_of_another_embedder_is_built_anew(store, caplog):
    folder = store.index_folder
    (folder / "1" / "lists.faiss").write_bytes(b"no index")
    (folder / ".new" / "left-by-a-killed-run").mkdir(parents=True)
    assert recall(index_of(store), store, QUERIES) >= 0.98
    assert "built anew" in caplog.text
    meta = folder / "2" / "meta.json"
    assert sorted(entry.name for entry in folder.iterdir()) == [".lock", "2"]
    ingest.inverted._write_meta(meta.parent, ingest.inverted._read_meta(meta.parent) | {"embedder": "fate"})
    index_of(store)
    assert written(store) == ["3"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("n_read", 0), ("n_read", "x"), ("dim", 63), ("documents", []), ("embedder", "fate"), ("checksum", 0), ("format", 0)],
)
def test_what_an_index_says_of_itself_is_checked(store, key, value):
    meta = store.index_folder / "1" / "meta.json"
    meta.write_text(json.dumps(json.loads(meta.read_text(encoding="utf-8")) | {key: value}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"damaged"):
        InvertedIndex(meta.parent)


@pytest.mark.parametrize("content", ["", "null", "[]", "5"])
def test_an_index_whose_description_is_none_is_not_opened(store, content):
    (store.index_folder / "1" / "meta.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError):
        InvertedIndex(store.index_folder / "1")


def searched(retriever: Retriever) -> list[list[str]]:
    return [[passage.chunk for passage in retriever.search(question, 10)] for question in QUESTIONS[:5]]


@pytest.mark.parametrize("file", ["lists.faiss", "vectors.f32", "ids.npy"])
@pytest.mark.parametrize("harm", ["cut", "emptied", "overwritten"])
def test_an_index_that_is_damaged_while_it_serves_is_given_up_and_built_anew(store, file, harm, caplog):
    exactly = searched(Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=100_000)))
    retriever = Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=LIMIT))
    retriever._serving = serving = Serving(LIMIT, FakeEmbedder().encode_queries, wait_s=1.0)
    searched(retriever)
    path = store.index_folder / "1" / file
    size = path.stat().st_size
    if harm == "overwritten":
        path.write_bytes(bytes(size))
    else:
        os.truncate(path, size // 3 if harm == "cut" else 0)
    assert searched(retriever) == exactly
    assert [record.message for record in caplog.records if "searched in memory" in record.message] == [
        f"cannot read the index `{path.parent}`: a file of it was changed while it was open. Ask again: it is built anew. "
        "Until then the vectors are searched in memory."
    ]
    deadline = time.monotonic() + 60
    while serving._written is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert written(store) == ["2"]
    assert sum(a == b for a, b in zip(searched(retriever), exactly, strict=True)) >= 4
    assert retriever._current().index._written.folder == store.index_folder / "2"


def test_a_vector_that_is_not_what_was_written_is_never_scored(store, monkeypatch, caplog):
    monkeypatch.setattr("ingest.inverted._BLOCK", 1)  # so that opening sees next to nothing, as of a very large file
    monkeypatch.setattr("ingest.inverted._N_BLOCKS", 2)
    folder = store.index_folder / "1"
    shutil.rmtree(folder)
    vector, best = QUERIES[0], exact(store, QUERIES[0], 1)
    row = int(index_of(store)._written.find(best)[0])
    with (folder / "vectors.f32").open("r+b") as file:
        file.seek(row * DIM * 4 + 9)
        file.write(b"\x55")
    serving = Serving(LIMIT, FakeEmbedder().encode_queries, wait_s=3600.0)
    damaged = serving.index(store.snapshot(), store.index_folder)
    with pytest.raises(StoreError, match="not what was written"):
        damaged.search(vector, 10)
    with pytest.raises(StoreError, match="not what was written"):
        damaged.cosines(vector, best)
    assert serving.generation == 1 and caplog.text.count("searched in memory") == 1
    assert recall(serving.index(store.snapshot(), store.index_folder), store, QUERIES) == 1.0


def test_a_folder_that_is_deleted_under_a_damaged_index_does_not_matter(store):
    serving = Serving(LIMIT, FakeEmbedder().encode_queries, wait_s=0.0)
    retriever = Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=LIMIT))
    retriever._serving = serving
    before = searched(retriever)
    os.truncate(store.index_folder / "1" / "vectors.f32", 1000)
    shutil.rmtree(store.index_folder)
    searched(retriever)
    deadline = time.monotonic() + 60
    while serving._written is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert written(store) == ["1"]
    assert sum(a == b for a, b in zip(searched(retriever), before, strict=True)) >= 4


def test_an_index_that_cannot_be_built_makes_a_store_slow_and_does_not_close_it(store, monkeypatch, caplog):
    shutil.rmtree(store.index_folder, ignore_errors=True)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ingest.serving, "write_index", full)
    assert recall(index_of(store), store, QUERIES) == 1.0
    assert written(store) == [] and "No space left" in caplog.text


def test_once_questions_are_answered_none_waits_for_an_index(store):
    shutil.rmtree(store.index_folder, ignore_errors=True)
    serving, n = Serving(N_DOCUMENTS * PER_DOCUMENT + 1, FakeEmbedder().encode_queries, wait_s=3600.0), N_DOCUMENTS
    serving.index(store.snapshot(), store.index_folder)
    with store.writing():
        put(store, [name_of(n), name_of(n + 1)])
    index = serving.index(store.snapshot(), store.index_folder)
    assert len(index) == (n + 2) * PER_DOCUMENT and recall(index, store, QUERIES) == 1.0
    assert written(store) == []


def test_compacting_drops_an_index_that_still_has_deleted_documents(store):
    (store.index_folder / ".new").mkdir()
    (store.index_folder / ".new" / "vectors.f32").write_bytes(b"of a build that was killed")
    store.compact()
    assert written(store) == ["1"] and not (store.index_folder / ".new").exists()
    with store.writing():
        put(store, [], removed=(name_of(9),))
        store.compact()
    assert written(store) == []
    assert len(index_of(store)) == (N_DOCUMENTS - 1) * PER_DOCUMENT


def assert_found_by_column(store: Store, gone: list[Chunk]) -> None:
    """Look-ups of chunks by id, edition and digest give what all rows of the table say."""
    snapshot = store.snapshot()
    rows = [row for batch in snapshot.rows("chunks") for row in batch.to_pylist()]
    rows = [*rows[:30], *rows[-30:]]
    chunks = snapshot.chunks([*(row["id"] for row in rows), *(chunk.id for chunk in gone)])
    assert {identity: chunk.text for identity, chunk in chunks.items()} == {row["id"]: row["text"] for row in rows}
    editions = {chunk.document: "none" for chunk in gone} | {row["document"]: row["edition"] for row in rows}
    assert store.missing([*chunks.values(), *gone], editions) == gone
    vectors = store.vectors([*(row["digest"] for row in rows), "none"])
    assert {digest: vector.tolist() for digest, vector in vectors.items()} == {row["digest"]: row["vector"] for row in rows}


def test_looking_up_chunks_in_a_store_with_indexes_finds_what_is_in_it(store, monkeypatch):
    def indexed() -> set[str]:
        return {column for index in store._table("chunks").list_indices() for column in index.columns}

    assert N_DOCUMENTS * PER_DOCUMENT < INDEXED_FROM and indexed() == {"terms"}
    monkeypatch.setattr("ingest.table_indexes.INDEXED_FROM", 100)
    store.finish()  # as a store from before there were such indexes
    assert indexed() == {"terms", "id", "edition", "digest"}
    assert_found_by_column(store, [])
    before = store.snapshot()
    old = [before.chunks(before.vectors([before.states[name].edition])[0]) for name in map(name_of, (5, 6))]
    gone = [chunk for chunks in old for chunk in chunks.values()]
    with store.writing():
        put(store, [name_of(6), name_of(N_DOCUMENTS)], salt=1, removed=(name_of(5),))
        assert_found_by_column(store, gone)  # rows that the indexes do not have yet
        assert len(before.chunks([chunk.id for chunk in gone])) == len(gone) == 2 * PER_DOCUMENT
        store.finish()
        assert_found_by_column(store, gone)
        store.compact()
    assert_found_by_column(Store.open(store.path), gone)


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1])
@pytest.mark.parametrize("most_rows", [4096, 60])
def test_a_text_search_among_many_admitted_documents_gives_what_one_with_all_names_gives(store, monkeypatch, share, most_rows):
    snapshot = store.snapshot()
    every = sorted(snapshot.states)
    names = {every[int(place)] for place in np.random.default_rng(5).permutation(len(every))[: int(share * len(every))]}
    searches = [(question.split()[:3], limit) for question in QUESTIONS[:6] for limit in (20, 500)]
    named = [snapshot.text_search(words, limit, names) for words, limit in searches]
    monkeypatch.setattr("ingest.snapshot._FEW_NAMES", 5)
    monkeypatch.setattr("ingest.snapshot._MOST_ROWS", most_rows)
    picked = [snapshot.text_search(words, limit, names) for words, limit in searches]
    for (words, limit), one, other in zip(searches, named, picked, strict=True):
        assert [score for _, score in other] == pytest.approx([score for _, score in one])
        matching = snapshot.text_search(words, N_DOCUMENTS * PER_DOCUMENT)
        chunks = snapshot.chunks([identity for identity, _ in matching])
        assert len(other) == min(limit, sum(chunk.document in names for chunk in chunks.values()))
        assert {chunks[identity].document for identity, _ in other} <= names


def test_questions_during_an_update_see_the_old_or_the_new_store(store):
    retriever = Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=LIMIT))
    target = name_of(7)
    text = words_of(7 * PER_DOCUMENT)
    assert retriever.search(text, 1)[0].document == target
    wrong, stop = [], threading.Event()

    def ask() -> None:
        while not stop.is_set():
            found = retriever.search(text, 8, Filters(documents=(target,)))
            if len({passage.sha256 for passage in found}) != 1 or len(found) != 8:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    writer = Store.open(store.path)
    for salt in range(1, 4):
        with writer.writing():
            put(writer, [target], salt=salt)
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert {passage.sha256 for passage in retriever.search(text, 8, Filters(documents=(target,)))} == {"3"}


def test_a_large_store_finds_what_the_same_store_finds_exactly(store):
    large = Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=LIMIT))
    small = Retriever(store, FakeEmbedder(), RetrieverSettings(exact_below=100_000))
    for filters in (None, Filters(types=("txt",)), Filters(documents=(name_of(3), name_of(4)))):
        same = 0
        for question in QUESTIONS[:10]:
            ours, theirs = ([p.chunk for p in retriever.search(question, 10, filters)] for retriever in (large, small))
            assert len(ours) == len(theirs) == 10
            same += len(set(ours) & set(theirs))
        assert same >= 98


def test_a_store_that_cannot_be_written_to_is_searched_all_the_same(store, monkeypatch):
    shutil.rmtree(store.index_folder)
    (store.index_folder).mkdir()
    opened = type(store.path).open

    def refusing(self, mode="r", *rest, **named):
        if self.name == ".lock" and self.parent.name == "index":
            raise PermissionError(13, "Permission denied")
        return opened(self, mode, *rest, **named)

    monkeypatch.setattr(type(store.path), "open", refusing)  # tests may run as root, whom no mode stops
    assert recall(index_of(store), store, QUERIES) >= 0.98
    assert written(store) == []
