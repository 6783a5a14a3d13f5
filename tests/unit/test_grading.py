"""Grading of answers, and the lines of labelled questions."""

import gzip
import json

import pytest

from rag.answers import Answer, Citation, Claim
from rag.batch import labelled_pairs, read_labelled, read_questions
from rag.errors import InputError
from rag.evaluation.answers import document_of, grade, is_contained, is_exact, is_gradable, shares_half, token_f1
from rag.evaluation.caching import CachingEmbedder
from rag.evaluation.citations import citation_precision, citation_recall, n_verbatim


def answered(text, *citations):
    claims = (Claim(text, 0, len(text), tuple(Citation(d, None, start, end, "") for d, start, end in citations), "supported"),)
    return Answer("?", text, claims=claims)


def question(answers=(), gold=(), *, answerable=True, lang="en"):
    return {"question": "?", "lang": lang, "answerable": answerable, "answers": list(answers), "gold": list(gold)}


GOLD = {"document": "a.md", "start": 100, "end": 200}
LONG = "It lasts for as long as the two parties agree on it in writing and not a day longer."


@pytest.mark.parametrize(
    ("answers", "text", "language", "expected"),
    [
        (["The Eiffel Tower"], "She saw an Eiffel tower, at last.", "en", True),
        (["the Eiffel Tower"], "He saw the tower of Eiffel.", "en", False),
        (["25 days"], "Employees get 125 days.", "en", False),
        (["los quince días"], "Son quince días naturales.", "es", True),
        (["der 3. Mai"], "Am 3. Mai.", "de", True),
        (["1250"], "It costs 1,252 euros.", "en", True),
        (["1250"], "It costs 1,260 euros.", "en", False),
        (["0"], "There were 0 of them.", "en", True),
        (["the"], "the", "en", False),
        ([], "anything", "en", False),
    ],
)
def test_contained_is_by_tokens_without_articles_or_by_number(answers, text, language, expected):
    assert is_contained(answers, text, language) == expected


def test_exact_and_token_f1_are_those_of_squad():
    assert is_exact(["Eiffel Tower", "tower"], "the Eiffel tower.", "en")
    assert not is_exact(["Eiffel Tower"], "an old Eiffel tower", "en")
    # "cat sat on mat" against "cat on mat mat": three tokens in common, of four and four.
    assert token_f1(["the cat sat on a mat"], "A cat on the mat, mat", "en") == 2 * 3 / (4 + 4)
    assert token_f1(["dogs", "cat"], "cat", "en") == 1
    assert token_f1(["cat"], "", "en") == token_f1([], "cat", "en") == 0
    assert token_f1(["los quince días"], "quince días", "es") == 1


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (("a.md", 100, 200), True),
        (("a.md", 150, 400), True),
        (("a.md", 151, 400), False),
        (("a.md", 120, 130), True),
        (("a.md", 195, 205), True),
        (("a.md", 196, 206), False),
        (("b.md", 100, 200), False),
        (("a.md", 200, 200), False),
    ],
)
def test_half_of_the_shorter_span_must_be_shared(place, expected):
    assert shares_half(*place, GOLD) == expected


def test_an_answer_is_right_wrong_or_abstained():
    short = question(["31 March"], [GOLD])
    assert grade(short, answered("Until 31 March.")) == "right"
    assert grade(short, answered("Until 30 April.", ("a.md", 100, 200))) == "wrong"
    assert grade(short, Answer("?", "The documents do not say.", abstained=True)) == "abstained"
    unanswerable = question(answerable=False)
    assert grade(unanswerable, answered("Until 31 March.")) == "wrong"
    assert grade(unanswerable, Answer("?", "", abstained=True)) == "abstained"


def test_a_long_answer_is_graded_by_its_place():
    long = question([LONG], [{"document": "b.md", "start": None, "end": None}, GOLD])
    assert grade(long, answered("As long as both agree.", ("a.md", 90, 180))) == "right"
    assert grade(long, answered(LONG, ("a.md", 300, 400))) == "wrong"
    assert grade(question([LONG, "two years"], [GOLD]), answered("It lasts two years.")) == "right"


def test_what_cannot_be_graded_is_known():
    assert is_gradable(question(answerable=False))
    assert is_gradable(question(["two years"]))
    assert is_gradable(question([LONG], [GOLD]))
    assert not is_gradable(question([LONG], [{"document": "a.md", "start": None, "end": None, "page": 3}]))
    assert not is_gradable(question())


def test_the_language_is_detected_where_the_line_does_not_name_it():
    line = {"question": "¿Cuánto dura el permiso por matrimonio en la empresa?", "answerable": True, "gold": []}
    assert grade({**line, "answers": ["los quince días"]}, answered("Son quince días naturales.")) == "right"


def test_questions_are_grouped_by_document():
    assert document_of({"id": "1", "about": {"document": "x"}, "gold": [GOLD]}) == "x"
    assert document_of({"id": "1", "gold": [GOLD]}) == "a.md"
    assert document_of({"id": "1", "gold": []}) == "1"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not JSON"),
        ('{"question": "Why \\ud83d?", "answerable": false}', "half a character"),
        ('{"id": "1"}', "no question"),
        ('{"question": "Why?"}', "answerable"),
        ('{"question": "Why?", "answerable": "yes"}', "answerable"),
        ('{"question": "Why?", "answerable": true, "answers": "so"}', "answers"),
        ('{"question": "Why?", "answerable": true, "answers": [1]}', "answers"),
        ('{"question": "Why?", "answerable": false, "answers": ["so"]}', "do not answer"),
        ('{"question": "Why?", "answerable": true, "gold": [{"start": 1}]}', "gold"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "start": "1"}]}', "gold"),
        ('{"question": "Why?", "answerable": true, "lang": ["en"]}', "lang"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "page": "3"}]}', "gold"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "set": []}]}', "gold"),
        ('{"question": "Why?", "answerable": true, "candidates": "a"}', "candidates"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "start": -5, "end": 3}]}', "from -5 to 3"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "start": 9, "end": 3}]}', "from 9 to 3"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "start": 3, "end": 3}]}', "from 3 to 3"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "start": 3}]}', "only one of"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "page": true}]}', "gold"),
        ('{"question": "Why?", "answerable": true, "gold": [{"document": "a", "page": 0}]}', "page 0"),
        ('{"question": "Why?", "answerable": false, "gold": [{"document": "a"}]}', '"gold" but says'),
    ],
)
def test_a_line_that_is_not_labelled_is_told_with_its_number(tmp_path, line, said):
    file = tmp_path / "q.jsonl"
    file.write_text('{"question": "Why?", "answerable": false}\n' + line, encoding="utf-8")
    with pytest.raises(InputError, match=said) as error:
        read_labelled(file)
    assert "line 2" in str(error.value)
    assert any(words in str(error.value) for words in (str(file), "holds no question"))


def test_a_conversation_may_be_labelled(tmp_path):
    file = tmp_path / "q.jsonl"
    turns = [{"role": "user", "text": "What does the Corvo 200 cost?"}, {"role": "user", "text": "And the 300?"}]
    file.write_text(json.dumps({"id": 7, "turns": turns, "answerable": True, "answers": ["90"]}), encoding="utf-8")
    found = read_labelled(file)[0]
    assert (found.job.identity, found.job.question, len(found.job.turns)) == ("7", "And the 300?", 1)
    assert (found.label["question"], found.label["answers"], found.label["gold"]) == ("And the 300?", ["90"], [])


def test_a_caching_embedder_asks_once_and_gives_the_same_vectors(fake_embedder):
    class Counting(type(fake_embedder)):
        def __init__(self):
            self.n = 0

        def encode(self, texts):
            self.n += len(texts)
            return super().encode(texts)

    inner = Counting()
    cached = CachingEmbedder(inner)
    texts = ["one two", "three", "one two"]
    for _ in range(2):
        assert (cached.encode(texts) == fake_embedder.encode(texts)).all()
    assert inner.n == 2
    assert (cached.encode_queries(["three"]) == fake_embedder.encode_queries(["three"])).all()
    assert cached.encode([]).shape == fake_embedder.encode([]).shape


def test_a_question_with_answers_is_answerable_even_if_it_does_not_say_so(tmp_path):
    file = tmp_path / "q.jsonl"
    rows = [
        {"question": "Why?", "answers": ["so"]},
        {"question": "Where?", "gold": [{"document": "a"}]},
        {"turns": [{"role": "user", "text": "Who?"}], "answerability": "PARTIAL", "targets": ["He"]},
        {"question": "When?", "answerability": "UNANSWERABLE", "targets": ["I cannot tell."]},
        {"question": "Which?", "answerability": "UNDERSPECIFIED", "targets": ["Which one?"]},
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    labels = [question.label for question in read_labelled(file)]
    assert [label["answerable"] for label in labels] == [True, True, True, False, False]
    assert [label["answers"] for label in labels] == [["so"], [], ["He"], [], []]
    assert [is_gradable(label) for label in labels] == [True, False, True, True, False]


def test_a_packed_file_is_read_and_a_damaged_one_told(tmp_path):
    file = tmp_path / "q.jsonl.gz"
    file.write_bytes(gzip.compress(b'{"question": "Why?", "answerable": false}'))
    assert read_labelled(file)[0].job.question == "Why?"
    plain_name = tmp_path / "q.jsonl"
    plain_name.write_bytes(file.read_bytes())
    assert read_labelled(plain_name)[0].job.question == "Why?"
    file.write_bytes(file.read_bytes()[:-12])
    with pytest.raises(InputError, match="damaged"):
        read_labelled(file)


def test_what_is_wrong_with_a_pair_is_told_and_the_others_are_kept(tmp_path):
    file = tmp_path / "p.jsonl"
    good = {"id": "g", "answer": "So.", "sources": [], "label": "supported"}
    bad = [{**good, "label": "maybe"}, {**good, "spans": [{"start": 0, "end": 9}]}, {**good, "answer": 3}, [1]]
    file.write_text("\n".join(json.dumps(row) for row in [*bad, good]), encoding="utf-8")
    found = list(labelled_pairs(file))
    assert [isinstance(item, InputError) for item in found] == [True, True, True, True, False]
    for word, item in zip(("label", "spans", "answer", "object"), found, strict=False):
        assert word in str(item)
    assert found[-1].label["spans"] == []


def cited(*places):
    return [Citation(document, page, start, end, "") for document, page, start, end in places]


def test_citations_match_as_finely_as_the_place_is_known():
    span, page, whole = GOLD, {"document": "b.pdf", "page": 3}, {"document": "c.md"}
    question = {"gold": [{**span, "set": 0}, {**page, "set": 0}, {**whole, "set": 1}]}
    assert citation_recall(question, cited(("a.md", None, 120, 130), ("b.pdf", 2, 0, 9))) == 0.5
    assert citation_recall(question, cited(("a.md", None, 120, 130), ("b.pdf", 3, 0, 9))) == 1
    assert citation_recall(question, cited(("c.md", None, 0, 9))) == 1
    assert citation_recall(question, []) == 0
    assert citation_precision(question, cited(("a.md", None, 0, 9), ("c.md", None, 0, 9))) == 0.5


def test_a_quote_is_verbatim_only_where_it_stands():
    quotes = [Citation("a.md", None, 2, 5, "cde"), Citation("a.md", None, 2, 5, "Cde"), Citation("b.md", None, 0, 0, "")]
    assert n_verbatim(quotes, {"a.md": "abcdef", "b.md": ""}.__getitem__) == 1


def test_turns_beside_a_question_go_before_it(tmp_path):
    before = [{"role": "user", "text": "What does it weigh?"}, {"role": "assistant", "text": "3.5 kg."}]
    asked = {"role": "user", "text": "And its height?"}
    lines = [
        {"question": asked["text"], "turns": before},
        {"question": asked["text"], "turns": [*before, asked]},
        {"turns": [*before, asked]},
        {"question": asked["text"], "turns": ["none"]},
    ]
    file = tmp_path / "q.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    *jobs, bad = read_questions(file)
    expected = [(asked["text"], (("user", "What does it weigh?"), ("assistant", "3.5 kg.")))] * 3
    assert [(job.question, job.turns) for job in jobs] == expected
    assert isinstance(bad, InputError)
