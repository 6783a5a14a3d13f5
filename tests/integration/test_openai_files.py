"""Files, vector stores and embeddings, as the official client of OpenAI gets them from a real server."""

import io
import zipfile

import numpy as np
import pytest
from openai import BadRequestError, ConflictError, NotFoundError

from tests.integration.serving import QUESTION, TRAVEL, running
from tests.integration.test_openai_chat import HOTEL, build, connect

__all__ = ["build", "connect"]  # fixtures
DINNER = "# Dinner\n\nThe dinner limit in Rome is 55 euros.\n"
FAST = {"poll_interval_ms": 20}


def test_a_file_is_uploaded_waited_for_found_cited_and_deleted(build, connect):
    with running(build()) as address:
        client = connect(address)
        stores = {store.name: store for store in client.vector_stores.list()}
        uploads = stores["uploads"]
        file = client.files.create(file=("dinner.md", DINNER.encode()), purpose="assistants")
        assert (file.filename, file.bytes, file.purpose) == ("uploads:dinner.md", len(DINNER.encode()), "assistants")
        placed = client.vector_stores.files.create_and_poll(file.id, vector_store_id=uploads.id, **FAST)
        assert (placed.status, placed.last_error, placed.attributes["type"]) == ("completed", None, "md")
        assert client.files.wait_for_processing(file.id, poll_interval=0.02).status == "processed"
        assert client.files.content(file.id).read().decode() == DINNER
        (text,) = client.vector_stores.files.content(file.id, vector_store_id=uploads.id)
        assert text.text == DINNER
        response = client.responses.create(
            model="any",
            input="What is the dinner limit in Rome?",
            tools=[{"type": "file_search", "vector_store_ids": [uploads.id]}],
        )
        (annotation,) = response.output[1].content[0].annotations
        assert (annotation.file_id, annotation.filename) == (file.id, "uploads:dinner.md")
        changed = DINNER.replace("55", "60")
        again = client.vector_stores.files.upload_and_poll(
            vector_store_id=uploads.id, file=("dinner.md", changed.encode()), **FAST
        )
        assert (again.id, again.status) == (file.id, "completed")
        (text,) = client.vector_stores.files.content(file.id, vector_store_id=uploads.id)
        assert text.text == changed
        assert client.files.delete(file.id).deleted
        with pytest.raises(NotFoundError):
            client.files.retrieve(file.id)


def test_a_batch_counts_what_was_stored_and_what_failed(build, connect):
    with running(build()) as address:
        client = connect(address)
        uploads = next(store for store in client.vector_stores.list() if store.name == "uploads")
        files = [("dinner.md", DINNER.encode()), ("broken.pdf", b"%PDF-1.7 nothing")]
        batch = client.vector_stores.file_batches.upload_and_poll(uploads.id, files=files, **FAST)
        counts = batch.file_counts
        assert (batch.status, counts.completed, counts.failed, counts.total) == ("completed", 1, 1, 2)
        listed = list(client.vector_stores.file_batches.list_files(batch.id, vector_store_id=uploads.id))
        assert {file.status for file in listed} == {"completed", "failed"}
        failed = client.vector_stores.files.list(uploads.id, filter="failed").data
        assert [file.last_error.code for file in failed] == ["invalid_file"] and failed[0].last_error.message
        assert client.vector_stores.retrieve(uploads.id).file_counts.completed == 1
        with pytest.raises(BadRequestError, match="no loader"):
            client.files.create(file=("a.exe", b"MZ"), purpose="assistants")


def test_a_batch_that_is_cancelled_leaves_out_what_is_yet_to_be_read(build, connect):
    site = build()
    with running(site) as address:
        client = connect(address)
        (travel,) = client.files.list().data
        store = client.vector_stores.create(name="trips")
        uploads = next(one for one in client.vector_stores.list() if one.name == "uploads")
        batches = client.vector_stores.file_batches
        with site.services.store.writing():  # nothing is ingested meanwhile
            dinner = client.files.create(file=("dinner.md", DINNER.encode()), purpose="assistants")
            batch = batches.create(store.id, file_ids=[travel.id, dinner.id])
            assert (batch.status, batch.file_counts.in_progress) == ("in_progress", 1)
            cancelled = batches.cancel(batch.id, vector_store_id=store.id)
            counts = cancelled.file_counts
            assert (cancelled.status, counts.completed, counts.cancelled, counts.total) == ("cancelled", 1, 1, 2)
            of_uploads = batches.create(uploads.id, file_ids=[dinner.id])
            with pytest.raises(BadRequestError, match="it is a source"):
                batches.cancel(of_uploads.id, vector_store_id=uploads.id)
        assert client.files.wait_for_processing(dinner.id, poll_interval=0.02).status == "processed"
        assert batches.cancel(of_uploads.id, vector_store_id=uploads.id).status == "completed"
        assert batches.cancel(batch.id, vector_store_id=store.id) == cancelled
        assert [file.id for file in client.vector_stores.files.list(store.id)] == [travel.id]
        listed = {file.id: file.status for file in batches.list_files(batch.id, vector_store_id=store.id)}
        assert listed == {travel.id: "completed", dinner.id: "cancelled"}
        with pytest.raises(NotFoundError):
            batches.cancel("vsfb_none", vector_store_id=store.id)


def test_an_answer_is_made_of_passages_above_the_threshold_alone(build, connect):
    with running(build(files={"travel.md": TRAVEL, "dinner.md": DINNER, "old.md": TRAVEL.replace("140", "120")})) as address:
        client = connect(address)
        docs = next(store for store in client.vector_stores.list() if store.name == "docs")
        scores = [result.score for result in client.vector_stores.search(docs.id, query=QUESTION).data]

        def found(*thresholds):
            ranking = [{"ranking_options": {"score_threshold": least}} for least in thresholds]
            tools = [{"type": "file_search", "vector_store_ids": [docs.id], **options} for options in ranking]
            asked = {"model": "any", "input": QUESTION, "tools": tools, "include": ["file_search_call.results"]}
            response = client.responses.create(**asked)
            return [result.score for result in response.output[0].results], response.output[1].content[0].annotations

        assert found(0)[0] == scores
        assert found(scores[0])[0] == [score for score in scores if score == scores[0]] != scores
        assert found(1) == ([], [])
        for wrong in ((0.2, 0.3), (1.5,), (-1,), ("high",), ([1],)):
            with pytest.raises(BadRequestError, match="score_threshold"):
                found(*wrong)


def test_a_source_is_a_vector_store_that_can_be_searched(build, connect):
    with running(build(files={"travel.md": TRAVEL, "dinner.md": DINNER, "old.md": TRAVEL.replace("140", "120")})) as address:
        client = connect(address)
        docs = next(store for store in client.vector_stores.list() if store.name == "docs")
        assert (docs.status, docs.file_counts.completed, docs.file_counts.total) == ("completed", 3, 3)
        found = client.vector_stores.search(docs.id, query=QUESTION).data
        assert {result.filename for result in found} == {"travel.md", "dinner.md", "old.md"}
        assert [result.score for result in found] == sorted((result.score for result in found), reverse=True)
        assert all(0 < result.score < 1 for result in found)
        best = next(result for result in found if result.filename == "travel.md")
        assert HOTEL in best.content[0].text == TRAVEL[best.start : best.end]
        narrow = {"type": "eq", "key": "document", "value": "dinner.md"}
        assert [r.filename for r in client.vector_stores.search(docs.id, query=[QUESTION], filters=narrow)] == ["dinner.md"]
        assert len(client.vector_stores.search(docs.id, query=QUESTION, max_num_results=1).data) == 1
        threshold = {"score_threshold": found[0].score}
        assert len(client.vector_stores.search(docs.id, query=QUESTION, ranking_options=threshold).data) < len(found)
        pages = client.files.list(limit=2)
        assert (len(pages.data), pages.has_more) == (2, True)
        assert len({file.id for file in pages}) == 3  # the client goes on by `after`
        with pytest.raises(ConflictError, match="belongs to a folder"):
            client.files.delete(best.file_id)
        with pytest.raises(NotFoundError):
            client.vector_stores.retrieve("vs_none")
        uploads = next(store for store in client.vector_stores.list() if store.name == "uploads")
        with pytest.raises(NotFoundError):
            client.vector_stores.files.create(uploads.id, file_id=best.file_id)


def test_embeddings_are_those_of_the_store_in_both_formats(build, connect, fake_embedder):
    with running(build()) as address:
        client = connect(address)
        texts = ["hotel limit", "dinner"]
        expected = fake_embedder.encode(texts)
        # By itself the client asks for base64, which its own strict validation does not know.
        packed = connect(address, is_strict=False).embeddings.create(model="fake", input=texts)
        plain = client.embeddings.create(model="fake", input=texts, encoding_format="float")
        for reply in (packed, plain):
            assert np.allclose([one.embedding for one in reply.data], expected, atol=1e-7)
        assert plain.usage.total_tokens == 3
        assert len(client.embeddings.create(model="fake", input="one", dimensions=64, encoding_format="float").data) == 1
        with pytest.raises(NotFoundError, match="embeds with `fake`"):
            client.embeddings.create(model="text-embedding-3-small", input="x")
        for wrong in ({"input": []}, {"input": ["a", ""]}, {"input": [[1, 2]]}, {"input": "a", "dimensions": 3}):
            with pytest.raises(BadRequestError):
                client.embeddings.create(model="fake", **wrong)


def test_a_vector_store_of_ones_own_holds_what_was_put_into_it(build, connect):
    with running(build(files={"travel.md": TRAVEL, "dinner.md": DINNER})) as address:
        client = connect(address)
        travel, dinner = (next(f.id for f in client.files.list() if f.filename == name) for name in ("travel.md", "dinner.md"))
        store = client.vector_stores.create(name="trips", file_ids=[travel], metadata={"team": "sales"})
        assert (store.name, store.metadata, store.status, store.file_counts.completed) == (
            "trips",
            {"team": "sales"},
            "completed",
            1,
        )

        def found(query="What is the limit?", **options):
            return sorted(result.filename for result in client.vector_stores.search(store.id, query=query, **options))

        def cited(question):
            tool = {"type": "file_search", "vector_store_ids": [store.id]}
            message = client.responses.create(model="any", input=question, tools=[tool]).output[1].content[0]
            return [annotation.filename for annotation in message.annotations]

        assert found() == ["travel.md"]
        assert cited("What is the dinner limit in Rome?") == []
        placed = client.vector_stores.files.create(store.id, file_id=dinner, attributes={"year": 2026})
        assert (placed.attributes["year"], placed.attributes["type"]) == (2026, "md")
        assert found(filters={"type": "gte", "key": "year", "value": 2026}) == ["dinner.md"]
        assert cited("What is the dinner limit in Rome?") == ["dinner.md"]
        described = client.vector_stores.files.update(travel, vector_store_id=store.id, attributes={"year": 2027})
        assert described.attributes["year"] == 2027 and len(found(filters={"type": "ne", "key": "year", "value": 2027})) == 1
        assert client.vector_stores.files.delete(travel, vector_store_id=store.id).deleted
        assert found() == ["dinner.md"]
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as parts:
            parts.writestr("breakfast.md", DINNER.replace("dinner", "breakfast"))
        batch = client.vector_stores.file_batches.upload_and_poll(store.id, files=[("a.zip", archive.getvalue())], **FAST)
        assert (batch.file_counts.completed, batch.file_counts.total) == (1, 1)
        assert found() == ["dinner.md", "uploads:a.zip!/breakfast.md"]
        assert client.vector_stores.update(store.id, name="food").metadata == {"team": "sales"}
        assert "food" in {one.name for one in client.vector_stores.list()}
        assert client.vector_stores.delete(store.id).deleted and client.files.retrieve(dinner).status == "processed"
        for gone in (store.id, "vs_none"):
            with pytest.raises(NotFoundError):
                client.vector_stores.files.list(gone)


def test_a_vector_store_refuses_what_it_would_not_do(build, connect):
    with running(build()) as address:
        client = connect(address)
        docs = next(store for store in client.vector_stores.list() if store.name == "docs")
        (file,) = client.vector_stores.files.list(docs.id)
        impossible = [
            (client.vector_stores.create, {"expires_after": {"anchor": "last_active_at", "days": 1}}),
            (
                client.vector_stores.create,
                {
                    "chunking_strategy": {
                        "type": "static",
                        "static": {"max_chunk_size_tokens": 400, "chunk_overlap_tokens": 200},
                    }
                },
            ),
            (client.vector_stores.update, {"vector_store_id": docs.id, "name": "x"}),
            (client.vector_stores.delete, {"vector_store_id": docs.id}),
            (client.vector_stores.files.delete, {"file_id": file.id, "vector_store_id": docs.id}),
            (client.vector_stores.files.create, {"file_id": file.id, "vector_store_id": docs.id, "attributes": {"a": 1}}),
        ]
        for call, options in impossible:
            with pytest.raises(BadRequestError):
                call(**options)
        with pytest.raises(NotFoundError):
            client.vector_stores.create(file_ids=["file-none"])
        assert {store.name for store in client.vector_stores.list()} == {"docs", "uploads"}
