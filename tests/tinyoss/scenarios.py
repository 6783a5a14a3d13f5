"""What the tiny model is to say, as scripts: for each scenario what it writes in one run after the other.

The prompts are not written down: a generator with a scripted runtime makes them, so they are those of the real path.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.documents import Document
from ingest.journal import FileState
from rag.answers import Passage
from rag.generators import Request
from rag.generators.harmony.generator import HarmonyGenerator, Settings
from rag.generators.harmony.vocabulary import encoding

LEAVE = "Employees get 25 days of paid leave each year. Up to five unused days can be carried over until 31 March.\n"
TRAVEL = "The hotel limit in Madrid is 140 euros per night. Flights are booked by the travel desk.\n"
DOCUMENTS = {
    "leave.md": Document("leave.md", LEAVE, "a" * 64, "leave"),
    "travel.md": Document("travel.md", TRAVEL, "b" * 64, "travel"),
}
COMMON = {"date": "2026-11-22", "timeout_s": 300.0, "max_output_tokens": 256}


def passage(name: str, rank: int) -> Passage:
    document = DOCUMENTS[name]
    text = document.text.rstrip()
    return Passage(f"chunk-{name}", name, 0, len(text), text, None, 1.0, rank, document.title, sha256=document.sha256)


class Shelf:
    """A library of the two documents; a search for hotels finds the one on travel."""

    def search(self, query: str) -> list[Passage]:
        return [passage("travel.md" if "hotel" in query else "leave.md", 1)]

    def document(self, name: str):
        if name not in DOCUMENTS:
            return None
        document = DOCUMENTS[name]
        return document, FileState(name, "", document.sha256, 1, 1, 1, "stored")


@dataclass(frozen=True)
class Scenario:
    """`writes`: what the model writes in each run; `settings` beside the common ones."""

    question: str
    writes: tuple[str, ...]
    settings: dict = field(default_factory=dict)

    def generator(self, runtime) -> HarmonyGenerator:
        return HarmonyGenerator(runtime, Settings(**COMMON | self.settings))

    @property
    def request(self) -> Request:
        return Request(self.question, [passage("leave.md", 1)], "en", library=Shelf())


def _thought(text: str) -> str:
    return f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant"


def _final(text: str) -> str:
    return f"<|channel|>final<|message|>{text}<|return|>"


def _call(tool: str, arguments: str) -> str:
    return f" to=browser.{tool}<|channel|>analysis code<|message|>{arguments}<|call|>"


SCENARIOS = {
    "cited": Scenario(
        "How many days of leave?",
        (
            _thought("SECRET look at line five.")
            + _final("Employees get 25 days of paid leave each year 【0†L5】. Five days can be carried over 【0†L5-L6】."),
        ),
    ),
    "invalid": Scenario(
        "Who pays for lunch?",
        (
            _thought("SECRET guess.")
            + _final("Employees get 25 days of paid leave each year 【0†L5】. Lunch is free 【7†L3】."),
        ),
    ),
    "refusal": Scenario("What is the moon made of?", (_thought("SECRET nothing.") + _final("The documents do not say."),)),
    "agentic": Scenario(
        "What may a hotel cost?",
        (
            _thought("SECRET search.") + _call("search", '{"query": "hotel"}'),
            _thought("SECRET open.") + _call("open", '{"id": 0, "cursor": 1}'),
            _thought("SECRET there.") + _final("The hotel limit in Madrid is 140 euros per night 【2†L2】."),
        ),
        {"mode": "agentic"},
    ),
    "stubborn": Scenario(
        "Search for trains!",
        (_call("search", '{"query": "trains"}'), "Flights are booked [1].<|return|>"),
    ),
    "malformed": Scenario(
        "Say it wrongly!",
        (
            "<|channel|>commentary<|channel|>analysis<|message|>SECRET mess<|end|>SECRET noise<|return|>",
            "Employees get 25 days 【0†L5】.<|return|>",
        ),
    ),
    "endless": Scenario(
        "Think long!",
        (
            "<|channel|>analysis<|message|>" + " ".join(["SECRET and on", *["and on"] * 40]),
            "Up to five unused days can be carried over 【0†L5-L6】.<|return|>",
        ),
        {"max_output_tokens": 64},
    ),
    "mute": Scenario("Say nothing!", ("SECRET words without a channel<|return|>", "<|return|>")),
}


class Scripted:
    """A runtime that writes a script, and keeps what it was given and what it gave."""

    name = "scripted"

    def __init__(self, *writes: str, step: int = 1) -> None:
        self.writes = [encoding().encode(text, allowed_special="all") for text in writes]
        self.runs: list[tuple[list[int], list[int]]] = []
        self._step = step

    def context_tokens(self) -> int:
        return 8192

    def complete(self, ids: Sequence[int], *, max_tokens: int, timeout_s: float):
        written = self.writes.pop(0)[:max_tokens]
        self.runs.append((list(ids), written))
        for start in range(0, len(written), self._step):
            yield written[start : start + self._step]

    def check(self) -> str:
        return self.name


def transcripts() -> list[tuple[list[int], list[int]]]:
    """Prompt and output of every run of every scenario."""
    runs = []
    for scenario in SCENARIOS.values():
        runtime = Scripted(*scenario.writes)
        scenario.generator(runtime).generate(scenario.request)
        assert not runtime.writes, scenario.question
        runs += runtime.runs
    return runs
