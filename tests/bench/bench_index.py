"""Search at size: our index beside LanceDB's flat search and own index, and usearch where it is installed, in one run.

    python tests/bench/bench_index.py --bench DIR --out FILE [--sizes 10000 100000 1000000] [--keep]

For each size a store is made whose vectors are real passages, mixed and blurred (`made.py`), and whose texts are halves of
two passages. Questions are real; their embedding is not timed. LanceDB's index and usearch are widened until they reach the
recall that is asked of ours, or their limit. Work (`cpu_ms`) is
what remains comparable on a machine that others use, too. Memory and start are those of a process of its own.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made import KnownQuestions, made_store, real_vectors
from run import commit, machine

from ingest.analysis import terms
from ingest.embedder import SentenceTransformerEmbedder, Vectors
from ingest.inverted import InvertedIndex
from ingest.serving import _N_QUESTIONS, ServingIndex, _like_a_question
from ingest.store import Store
from rag.retriever import Retriever

SHARES = (0.5, 0.1, 0.01, 0.001)
N_ADMITTED = (10, 100, 1000, 10_000)  # names of documents
RECALL = 0.98
N_PASSAGES, N_QUESTIONS = 4000, 600
Found = list[str]


def main() -> int:
    """Measure every size and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("data/cache/index"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--keep", action="store_true", help="keep the stores, and use those that were kept before")
    parser.add_argument("--opened", nargs=2, help="an index and a file of questions: what it takes to open and search it")
    options = parser.parse_args()
    if options.opened:
        print(json.dumps(opened(*map(Path, options.opened))))
        return 0
    options.cache.mkdir(parents=True, exist_ok=True)
    passages, real, questions, vectors = real_vectors(options.bench, options.cache, N_PASSAGES, N_QUESTIONS)
    words = [terms(passage, "en") for passage in passages]
    half = len(questions) // 2  # the first half is asked, the other one tells the index how much to read
    results: dict[str, Any] = {"commit": commit(), "machine": machine(), "dim": real.shape[1], "questions": half, "sizes": {}}
    embedder = KnownQuestions(dict(zip(questions[:half], vectors[:half], strict=True)), vectors[half:])
    for n in options.sizes:
        folder = options.cache / f"store-{n}"
        is_kept = options.keep and folder.is_dir() and Store.open(folder).is_finished()
        if not is_kept:
            shutil.rmtree(folder, ignore_errors=True)
        store = Store.open(folder) if is_kept else made_store(folder, passages, words, real, n)
        store.finish()
        result = results["sizes"][str(n)] = {}
        for part in measured(store, embedder, questions[:half], vectors[:half], options.cache):
            result |= part | {"load_average": [round(value, 1) for value in os.getloadavg()]}
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if not options.keep:
            shutil.rmtree(folder)
        show(n, result)
    results["extrapolated"] = extrapolated(results["sizes"])
    options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def measured(
    store: Store, embedder: KnownQuestions, questions: Sequence[str], queries: Vectors, cache: Path
) -> Iterator[dict[str, Any]]:
    """All figures of one store, part after part: a million chunks take so long that what is known is worth keeping."""
    folder = store.index_folder
    shutil.rmtree(folder, ignore_errors=True)
    table = store._table("chunks")
    for name in [index.name for index in table.list_indices() if "vector" in index.columns]:
        table.drop_index(name)
    ids, documents, _, vectors = store.snapshot().vectors()
    exact = truth(ids, vectors, queries)
    retriever = Retriever(store, embedder)
    first = seconds(lambda: retriever.search(questions[0], 8))
    again = seconds(lambda: Retriever(store, embedder).search(questions[0], 8))
    yield {"first_search_s": first, "first_search_with_built_index_s": again}
    index = retriever._current().index
    yield {"ours": timed(lambda query: [i for i, _ in index.search(query, 10)], queries, exact)}
    yield {"ours_100": timed(lambda query: [i for i, _ in index.search(query, 100)], queries, exact)}
    yield in_parts(retriever, questions, ids)
    if folder.is_dir():
        np.save(cache / "queries.npy", queries)
        [written] = [entry for entry in folder.iterdir() if entry.name.isdigit()]
        command = [sys.executable, __file__, "--opened", str(written), str(cache / "queries.npy")]
        alone = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        size = sum(file.stat().st_size for file in written.iterdir())
        yield {"alone": alone, "disk_bytes_per_chunk": round(size / len(ids))}
        yield {"calibrated": calibrated(store, InvertedIndex(written), embedder, queries, exact)}
    yield {"filtered": {str(share): filtered(index, ids, documents, vectors, queries[:100], share) for share in SHARES}}
    yield {"text_filtered": text_filtered(retriever, questions[:100], documents)}
    yield {"usearch": usearch(ids, vectors, queries, exact)}
    del vectors
    for lance in lancedb(store, queries, exact):
        yield {"lancedb": lance}


def in_parts(retriever: Retriever, questions: Sequence[str], ids: Sequence[str]) -> dict[str, Any]:
    """Dense search, text search and fusion together, and the parts of it that LanceDB answers."""
    snapshot, draw = retriever.snapshot(), np.random.default_rng(3)
    asked = [terms(question, "en") for question in questions]
    drawn = [[ids[row] for row in draw.integers(len(ids), size=8)] for _ in range(50)]
    return {
        "dense_text_fusion_ms": worked(lambda question: retriever.search(question, 8), questions),
        "of_which_text_ms": worked(lambda words: snapshot.text_search(words, 100), asked),
        "of_which_chunks_ms": worked(snapshot.chunks, drawn),
        "of_which_version_ms": worked(lambda _: retriever._store.version(), range(50)),
    }


def worked(run: Callable[[Any], object], inputs: Sequence[Any]) -> dict[str, float]:
    """Milliseconds of one call after the other, and those of work on all cores; the first calls do not count."""
    for given in inputs[:10]:
        run(given)
    started = time.process_time()
    times = [1000 * seconds(lambda given=given: run(given)) for given in inputs]
    return spread(times) | {"cpu_ms": round(1000 * (time.process_time() - started) / len(inputs), 2)}


def truth(ids: Sequence[str], vectors: Vectors, queries: Vectors) -> list[set[str]]:
    """The ten nearest of each query."""
    best = []
    for some in np.array_split(queries, -(-len(queries) // 32)):  # many at once read the vectors once
        best += [{ids[row] for row in np.argpartition(-scores, 10)[:10]} for scores in some @ vectors.T]
    return best


def timed(search: Callable[[Vectors], Found], queries: Vectors, exact: Sequence[set[str]]) -> dict[str, Any]:
    """Milliseconds of a search, one question at a time, those of work on all cores, and recall@10."""
    for query in queries[:20]:
        search(query)
    times, shares, worked = [], [], time.process_time()
    for query, best in zip(queries, exact, strict=True):
        started = time.perf_counter()
        found = search(query)
        times.append(1000 * (time.perf_counter() - started))
        shares.append(len(best.intersection(found[:10])) / len(best))
    each = 1000 * (time.process_time() - worked) / len(queries)
    return spread(times) | {"cpu_ms": round(each, 2), "recall_at_10": round(float(np.mean(shares)), 4)}


def filtered(
    index: ServingIndex, ids: list[str], documents: list[str], vectors: Vectors, queries: Vectors, share: float
) -> dict[str, Any]:
    """The same where a share of the documents is admitted; finding out which rows these are is timed with it."""
    every = sorted(set(documents))
    count = max(1, round(share * len(every)))
    names = {every[place] for place in np.random.default_rng(2).permutation(len(every))[:count]}
    rows = [row for row, name in enumerate(documents) if name in names]
    exact = truth([ids[row] for row in rows], vectors[rows], queries)
    return timed(lambda query: [i for i, _ in index.search(query, 10, index.scope(names))], queries, exact)


def calibrated(
    store: Store, index: InvertedIndex, embedder: KnownQuestions, queries: Vectors, exact: Sequence[set[str]]
) -> dict[str, Any]:
    """Recall where an index learned how much to read from words out of chunks, as the product does, and from real questions.

    Those words are embedded here by the embedder with which the real vectors were made.
    """
    texts = [_like_a_question(text) for text in store.snapshot().sample_texts(_N_QUESTIONS)]
    samples = {
        "words_of_chunks": SentenceTransformerEmbedder().encode_queries(texts),
        "real_questions": embedder.encode_queries(texts),  # it knows none of them, and gives others in their place
    }
    result = {}
    for name, sample in samples.items():
        index._n_read = index.fit(sample)
        found = timed(lambda query: [i for i, _ in index.search(query, 10)], queries, exact)
        result[name] = found | {"rows_read": index._n_read}
    return result


def text_filtered(retriever: Retriever, questions: Sequence[str], documents: Sequence[str]) -> dict[str, Any]:
    """Milliseconds of the text search by how many names are admitted, up to all but one."""
    snapshot, every = retriever.snapshot(), sorted(set(documents))
    drawn = [every[place] for place in np.random.default_rng(4).permutation(len(every))]
    asked = [terms(question, "en") for question in questions]
    result = {"all": worked(lambda words: snapshot.text_search(words, 100), asked)}
    for count in sorted({min(count, len(every) - 1) for count in (*N_ADMITTED, len(every))}):
        names = set(drawn[:count])
        result[str(count)] = worked(lambda words, names=names: snapshot.text_search(words, 100, names), asked)  # type: ignore[misc]
    return result


def lancedb(store: Store, queries: Vectors, exact: Sequence[set[str]]) -> Iterator[dict[str, Any]]:
    """LanceDB over the same table: all rows, then its index of product-quantised lists, scored again by the vectors.

    What is known is given after each step.
    """
    from lancedb.index import IvfPq

    table = store._table("chunks")
    few = slice(0, 60)

    def flat(query: Vectors) -> Found:
        return ids_of(table.search(query, "vector").distance_type("dot").bypass_vector_index().limit(10))

    result: dict[str, Any] = {"flat": timed(flat, queries[few], exact[few])}
    yield result
    result["build_s"] = seconds(lambda: table.create_index("vector", config=IvfPq(distance_type="dot")))
    for n_probes, refine in ((20, 10), (50, 20), (100, 40), (200, 80), (400, 160)):

        def own(query: Vectors, n_probes: int = n_probes, refine: int = refine) -> Found:
            return ids_of(table.search(query, "vector").distance_type("dot").nprobes(n_probes).refine_factor(refine).limit(10))

        result["own"] = timed(own, queries[few], exact[few]) | {"nprobes": n_probes, "refine_factor": refine}
        yield result
        if result["own"]["recall_at_10"] >= RECALL:
            break


def ids_of(query: Any) -> Found:
    """Ids that a LanceDB query finds."""
    found: Found = query.select(["id", "_distance"]).to_arrow()["id"].to_pylist()
    return found


def usearch(ids: Sequence[str], vectors: Vectors, queries: Vectors, exact: Sequence[set[str]]) -> dict[str, Any] | None:
    """A graph over 8-bit vectors from the package usearch, None where it is not installed or the graph would take hours."""
    try:
        from usearch.index import Index
    except ModuleNotFoundError:
        return None
    if len(ids) > 100_000:
        return None
    graph = Index(ndim=vectors.shape[1], metric="ip", dtype="i8")
    result: dict[str, Any] = {"build_s": seconds(lambda: graph.add(np.arange(len(ids)), vectors, threads=os.cpu_count() or 1))}
    for width in (64, 128, 256, 512):
        graph.expansion_search = width
        found = timed(lambda query: [ids[row] for row in graph.search(query, 10).keys.tolist()], queries, exact)
        result |= found | {"expansion": width}
        if result["recall_at_10"] >= RECALL:
            break
    return result


def opened(folder: Path, questions: Path) -> dict[str, Any]:
    """What a process needs to open an index and to ask it all questions."""
    queries = np.load(questions)
    before = resident()
    started = time.perf_counter()
    index = InvertedIndex(folder)
    took = time.perf_counter() - started
    for query in queries:
        index.search(query, 10)
    after = resident()
    each = {name: round((after[name] - before[name]) / len(index)) for name in before}
    return {"open_s": round(took, 2), "resident_bytes_per_chunk": each, "rows_read": index._n_read}


def resident() -> dict[str, int]:
    """Resident bytes of this process: its own, and those of files that are mapped."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: 1024 * int(fields[key].split()[0]) for name, key in (("own", "RssAnon"), ("mapped", "RssFile"))}


def extrapolated(sizes: dict[str, Any]) -> dict[str, Any]:
    """A hundred million chunks on paper, from the largest size that was measured.

    Clusters grow with the root of n, and the rows read with n / root of n where recall is held, so the time does; memory and
    disk grow with n, building with n times its root. No such store was made.
    """
    n, result = max(((int(n), result) for n, result in sizes.items() if "alone" in result), default=(0, {}), key=lambda p: p[0])
    if not n:
        return {}
    factor = 100_000_000 / n
    each = sum(result["alone"]["resident_bytes_per_chunk"].values())
    return {
        "from": n,
        "p50_ms": round(result["ours"]["p50_ms"] * factor**0.5),
        "resident_gb": round(each / 10),
        "disk_gb": round(result["disk_bytes_per_chunk"] / 10),
        "build_hours": round(result["first_search_s"] * factor**1.5 / 3600),
    }


def seconds(run: Callable[[], object]) -> float:
    """How long something takes."""
    started = time.perf_counter()
    run()
    return round(time.perf_counter() - started, 5)


def spread(times: Sequence[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    return {"p50_ms": round(float(np.median(times)), 2), "p99_ms": round(float(np.quantile(times, 0.99)), 2)}


def show(n: int, result: dict[str, Any]) -> None:
    """Print one size as rows of a table."""
    print(f"\n{n:,} chunks, load {result['load_average'][0]}")
    flat, own = result["lancedb"]["flat"], result["lancedb"]["own"]
    rows: dict[str, Any] = {
        "ours": result["ours"],
        "LanceDB, flat": flat,
        "LanceDB, own index": own,
        "usearch": result["usearch"],
    }
    rows |= {f"ours, {float(share):.1%} admitted": found for share, found in result["filtered"].items()}
    for name, found in rows.items():
        if found:
            times = f"{found['p50_ms']:9.2f} ms p50{found['p99_ms']:9.2f} ms p99{found['cpu_ms']:9.2f} ms work"
            print(f"{name:24}{times}   recall@10 {found['recall_at_10']:.3f}")
    for name, found in result.get("calibrated", {}).items():
        print(f"calibrated by {name:24}{found['rows_read']:9} rows read   recall@10 {found['recall_at_10']:.3f}")
    for count, found in result["text_filtered"].items():
        print(f"{f'text, {count} names':24}{found['p50_ms']:9.2f} ms p50{found['p99_ms']:9.2f} ms p99")
    print(f"{'dense + text + fusion':24}{result['dense_text_fusion_ms']['p50_ms']:9.2f} ms p50")
    print({key: result[key] for key in ("first_search_s", "first_search_with_built_index_s", "alone") if key in result})
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
