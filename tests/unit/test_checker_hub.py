import pytest

from rag.checker.check import Checker
from rag.checker.hub import HubSupport
from rag.errors import CheckerError

SOURCE = "The pump weighs 3.5 kg. It was tested in Graz by the works council."
CLAIM = "The works council tested the pump in Graz."


def saved(folder, kind, labels):
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertForTokenClassification

    from ingest.minilm.engine import packaged_model_folder

    torch.manual_seed(3)
    names = dict(enumerate(labels))
    small = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(**small, id2label=names, label2id={name: i for i, name in names.items()})
    model = (BertForTokenClassification if kind == "tags" else BertForSequenceClassification)(config)
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([3.0] + [0.0] * (len(labels) - 1)))  # the first label always wins
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(packaged_model_folder()).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(
    ("labels", "verdict"),
    [
        (["entailment", "neutral", "contradiction"], "supported"),
        (["contradiction", "neutral", "entailment"], "contradicted"),
        (["hallucinated", "consistent"], "not_enough"),
        (["LABEL_0", "LABEL_1"], "not_enough"),
    ],
)
def test_a_classifier_of_a_folder_decides_by_the_name_of_its_label(tmp_path, labels, verdict):
    judgement = Checker(model=HubSupport(saved(tmp_path, "classes", labels))).judge(CLAIM, [SOURCE])
    assert judgement.verdict == verdict


def test_a_tagger_of_a_folder_supports_a_claim_without_a_doubted_word(tmp_path):
    judgement = Checker(model=HubSupport(saved(tmp_path / "a", "tags", ["right", "wrong"]))).judge(CLAIM, [SOURCE])
    assert judgement.verdict == "supported" and judgement.score > 0.9


def test_a_gate_outranks_any_model(tmp_path):
    model = HubSupport(saved(tmp_path, "classes", ["entailment", "other"]))
    assert Checker(model=model).judge("The pump weighs 4.5 kg.", [SOURCE]).verdict == "contradicted"


def test_a_folder_without_a_model_is_an_error_with_a_remedy(tmp_path):
    with pytest.raises(CheckerError, match=r"checker\.model"):
        Checker(model=HubSupport(str(tmp_path))).judge(CLAIM, [SOURCE])


def test_labels_that_say_nothing_of_support_are_refused(tmp_path):
    with pytest.raises(CheckerError, match="labels"):
        Checker(model=HubSupport(saved(tmp_path, "classes", ["joy", "anger", "fear"]))).judge(CLAIM, [SOURCE])
