import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.checker.check import Checker, check_answer, claim_items
from rag.checker.support import Support
from rag.citations import parse_answer
from rag.errors import CheckerError

PUMP = (
    "The Corvo 200 pump was released on 5 March 2024. It weighs 3.5 kg and costs 1,250 euros. "
    "Refunds are not allowed after 14 days. The warranty of the pump covers the motor for two years."
)
BOMBA = "La bomba Corvo 200 pesa 3,5 kg y cuesta 1.250 euros. No se admiten devoluciones después de 14 días."


@pytest.fixture(scope="module")
def checker():
    return Checker()


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The Corvo 200 pump was released on 5 March 2024.", PUMP),
        ("Refunds are not allowed after 14 days.", PUMP),
        ("The Corvo 200 pump was released on March 5, 2024.", PUMP),
        ("It weighs 3.5 kg.", PUMP),
        ("The warranty of the pump covers the motor for 2 years.", PUMP),
        ("No se admiten devoluciones después de 14 días.", BOMBA),
        ("La bomba Corvo 200 pesa 3,5 kg.", BOMBA),
        ("La bomba Corvo 200 cuesta 1250 euros.", BOMBA),
    ],
)
def test_what_the_source_says_is_supported(checker, claim, evidence):
    judgement = checker.judge(claim, [evidence])
    assert (judgement.verdict, judgement.reason) == ("supported", "supported")
    assert judgement.score >= checker.threshold and judgement.evidence and not judgement.unsupported_spans


@pytest.mark.parametrize(
    ("claim", "evidence", "verdict", "reason"),
    [
        ("It weighs 4.5 kg and costs 1,250 euros.", PUMP, "contradicted", "number"),
        ("The Corvo 200 pump was released on 6 March 2024.", PUMP, "contradicted", "date"),
        ("Refunds are allowed after 14 days.", PUMP, "contradicted", "negation"),
        ("La bomba Corvo 200 pesa 4,5 kg y cuesta 1.250 euros.", BOMBA, "contradicted", "number"),
        ("Se admiten devoluciones después de 14 días.", BOMBA, "contradicted", "negation"),
        ("The Corvo 200 pump was designed by Laura Gómez.", PUMP, "not_enough", "name"),
        ('The manual says "never open the pump".', PUMP, "not_enough", "quotation"),
        ("Bananas grow best in humid tropical valleys.", PUMP, "not_enough", "low_support"),
        ("Los plátanos crecen mejor en valles tropicales húmedos.", BOMBA, "not_enough", "low_support"),
    ],
)
def test_what_the_source_does_not_say_is_not_supported(checker, claim, evidence, verdict, reason):
    judgement = checker.judge(claim, [evidence])
    assert (judgement.verdict, judgement.reason) == (verdict, reason)
    assert judgement.score < checker.threshold and judgement.unsupported_spans


@pytest.mark.parametrize("evidence", [[], [""], ["  \n"]])
def test_without_evidence_nothing_is_supported(checker, evidence):
    judgement = checker.judge("It weighs 3.5 kg.", evidence)
    assert (judgement.verdict, judgement.reason, judgement.score) == ("not_enough", "no_source", 0.0)


def test_evidence_is_named_by_its_place_among_the_texts_given(checker):
    judgement = checker.judge("It weighs 3.5 kg.", ["", "Nothing here.", PUMP])
    place, start, end, _ = judgement.evidence[0]
    assert place == 2 and "3.5 kg" in PUMP[start:end]


def test_words_inside_a_longer_sentence_are_not_verbatim_support(checker):
    judgement = checker.judge("The pump is safe.", ["It is not true that the pump is safe."])
    assert judgement.verdict != "supported"


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The pump is safe.", "The claim that the pump is safe is false."),
        ("The pump is safe.", "It is a myth that the pump is safe."),
        ("La bomba es segura.", "No es cierto que la bomba sea segura."),
        ("La bomba es segura.", "El rumor de que la bomba es segura es falso."),
        ("Die Pumpe ist sicher.", "Es stimmt nicht, dass die Pumpe sicher ist."),
        ("La pompe est sûre.", "Il est faux que la pompe est sûre."),
    ],
)
def test_what_a_source_calls_untrue_is_contradicted_however_sure_the_network_is(checker, claim, evidence):
    judgement = checker.judge(claim, [evidence])
    assert (judgement.verdict, judgement.reason) == ("contradicted", "negation")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("The pump is safe.", "It is not true that the pump is not safe."),
        ("The pump is not safe.", "It is not true that the pump is safe."),
        ("The pump is safe.", "The pump is safe. It is not true that it was recalled."),
        ("It is false that the pump is safe.", "It is false that the pump is safe."),
    ],
)
def test_what_else_is_called_untrue_does_not_fail_a_claim(checker, claim, evidence):
    assert checker.judge(claim, [evidence]).verdict == "supported"


class Broken:
    name, version, threshold = "broken", "1", 0.5

    def __init__(self, values):
        self.values = values

    def assess(self, readings):
        return [Support(value) for value in self.values]


@pytest.mark.parametrize("values", [[], [float("nan")], [1.5], [0.9, 0.9]])
def test_a_model_that_fails_is_an_error_and_never_support(values):
    with pytest.raises(CheckerError):
        Checker(model=Broken(values)).judge("The pump weighs little.", [PUMP])


def test_a_high_score_does_not_overrule_a_gate():
    assert Checker(model=Broken([1.0])).judge("It weighs 4.5 kg.", [PUMP]).verdict == "contradicted"
    assert Checker(model=Broken([1.0])).judge("The pump is not made by Acme.", [MADE]).verdict == "contradicted"


class Sure(Broken):
    def assess(self, readings):
        return [Support(value, log_odds=5.0) for value in self.values]


MADE = 'The pump is made by Acme and weighs 3.5 kg since 4 May 2021. It is "safe to use" as model MX-4471-B.'


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("The pump is not made by Acme.", "supported"),  # wording: the model has read it
        ("The pump is made by Borealis since 4 May 2021.", "supported"),
        ("The pump weighs 4.5 kg.", "contradicted"),
        ("It is made since 5 May 2021.", "contradicted"),
        ("It is model MX-4472-B.", "not_enough"),
        ('The pump is "safe to touch".', "not_enough"),
        ("The pump is made by Borealis and weighs 4.5 kg.", "contradicted"),
    ],
)
def test_a_sure_model_overrules_gates_of_wording_and_no_other(claim, verdict):
    found = Checker(model=Sure([1.0])).judge(claim, [MADE])
    assert (found.verdict == "supported") == (verdict == "supported")
    assert Checker(model=Broken([1.0])).judge(claim, [MADE]).verdict != "supported", "a gate stumbles over it"


def test_evidence_in_other_words_supports_what_a_model_that_read_both_holds_true():
    claim, text = "Staff may take a fortnight off whenever they marry.", "Employees get fourteen days when they marry."
    assert Checker(model=Broken([1.0])).judge(claim, [text]).verdict == "not_enough"
    found = Checker(model=Sure([1.0])).judge(claim, [text])
    assert found.verdict == "supported" and [place for place, *_ in found.evidence] == [0]
    assert Checker(model=Sure([1.0])).judge(claim, ["Der Aufzug fährt heute nicht."]).verdict == "not_enough"


def test_sureness_alone_supports_nothing():
    judgement = Checker(model=Sure([0.1])).judge("The pump is made by Borealis since 4 May 2021.", [MADE])
    assert (judgement.verdict, judgement.reason) == ("not_enough", "low_support")


@pytest.mark.parametrize("threshold", [0.0, 1.0, -1, 7])
def test_a_threshold_out_of_range_is_an_error(threshold):
    with pytest.raises(CheckerError):
        Checker(threshold=threshold)


def test_an_answer_is_checked_claim_by_claim(checker):
    answer = "It weighs 3.5 kg [a]. It costs 900 euros [a]."
    output = check_answer(answer, [("a", PUMP)], checker)
    assert output["supported"] is False
    assert [claim["verdict"] for claim in output["claims"]] == ["supported", "contradicted"]
    for claim in output["claims"]:
        assert answer[claim["start"] : claim["end"]] == claim["text"]
        for citation in claim["citations"]:
            assert citation["source"] == "a" and PUMP[citation["start"] : citation["end"]] == citation["quote"]
    (span,) = output["claims"][1]["unsupported_spans"]
    assert answer[span["start"] : span["end"]] in ("900 euros", "costs 900 euros")


def test_a_marked_claim_is_checked_only_against_what_it_cites(checker):
    sources = [("a", PUMP), ("b", "The office is closed on Sundays.")]
    assert check_answer("It weighs 3.5 kg [a].", sources, checker)["supported"]
    assert not check_answer("It weighs 3.5 kg [b].", sources, checker)["supported"]
    assert check_answer("It weighs 3.5 kg.", sources, checker)["supported"]


def test_without_sources_every_claim_is_not_enough(checker):
    output = check_answer("It weighs 3.5 kg. It floats.", [], checker)
    assert [claim["verdict"] for claim in output["claims"]] == ["not_enough", "not_enough"]
    assert not output["supported"] and output["score"] == 0


@pytest.mark.parametrize("answer", ["", "Hello!", "The documents do not say.", "Los documentos no lo dicen."])
def test_an_answer_without_claims_is_supported(checker, answer):
    assert check_answer(answer, [("a", PUMP)], checker) == {"supported": True, "score": 1.0, "claims": []}


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120), st.text(max_size=120))
def test_any_answer_has_an_output_whose_spans_lie_in_it(answer, source):
    output = check_answer(answer, [("a", source)], Checker())
    assert 0 <= output["score"] <= 1
    for claim in output["claims"]:
        assert answer[claim["start"] : claim["end"]] == claim["text"]
        assert all(claim["start"] <= span["start"] < span["end"] <= claim["end"] for span in claim["unsupported_spans"])


def test_six_claims_find_their_own_passage_among_five():
    names = ["lantern", "bicycle", "kettle", "ladder", "violin"]
    passages = [(name, " ".join(f"The {name} of size {k} weighs {k + 30} kg." for k in range(1, 23))) for name in names]
    answer = " ".join(f"The {name} of size 4 weighs 34 kg." for name in names) + " The violin of size 5 weighs 77 kg."
    output = check_answer(answer, passages, Checker())
    assert [claim["verdict"] == "supported" for claim in output["claims"]] == [True] * 5 + [False]
    assert [claim["citations"][0]["source"] for claim in output["claims"][:5]] == names


def test_a_claim_may_lean_on_a_question_but_not_on_an_instruction():
    claims = parse_answer("In Almere.", ["s"])
    sources = [("s", "The Lantern is in Almere.")]
    assert [context for *_, context in claim_items(claims, sources, "Where is the Lantern?")] == ["Where is the Lantern?"]
    for instruction in ("Summarise the following text in 100 words:", "Write an overview of the place. " * 8):
        assert [context for *_, context in claim_items(claims, sources, instruction)] == [""]


class Doubting(Broken):
    def assess(self, readings):
        return [Support(value, unsupported=((0, 26),), weakest=((15, 26),) if value > 0.4 else ()) for value in self.values]


@pytest.mark.parametrize(
    ("score", "marked"),
    [(0.49, "abroad"), (0.1, "pump comes from abroad")],  # close to supported: only the word doubted most
)
def test_the_closer_to_supported_the_less_is_marked_and_no_function_word_at_an_end(score, marked):
    claim = "The pump comes from abroad."
    spans = Checker(model=Doubting([score])).judge(claim, [PUMP]).unsupported_spans
    assert [claim[start:end] for start, end in spans] == [marked]


def test_a_sure_model_is_not_heard_where_a_sentence_is_the_claim_but_for_a_negation():
    sure = Checker(model=Sure([0.99]))
    assert sure.judge("Refunds are allowed after 14 days.", [PUMP]).reason == "negation"
    assert sure.judge("The valve is not certified for oxygen.", ["The valve is certified for oxygen."]).reason == "negation"
    wider = "Dealers in Austria do not stock the valve, which is certified for oxygen and steam at every site."
    assert sure.judge("The valve that dealers stock is certified for oxygen.", [wider]).verdict == "supported"
