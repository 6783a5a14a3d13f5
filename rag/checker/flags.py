"""What a record says yes or no to (`"OutdoorSeating": true`), laid beside what a claim says of the same thing.

Words alone cannot tell a yes from a no, and a network that reads both knows few records. It is no gate: a review in the same
record may say more than its flags do.
"""

from collections.abc import Iterator, Sequence

from rag.checker.evidence import Evidence
from rag.checker.gates import folded_words
from rag.checker.records import letters_of, singular
from rag.checker.wording import HEDGED_NEGATIONS, NEGATIONS, TURNS

_SELF_EVIDENT = 4  # letters from which a name is looked for across words too: "wifi" in "Wi-Fi"


def flag_agreement(claim: str, evidence: Evidence) -> int:
    """1 where a claim says of every flag that it names what the record says, -1 where it does not or the record leaves it open.

    0 where the evidence has no flags or the claim names none.
    """
    known = [flag for source in evidence.sources for flag in source.flags]
    if not known:
        return 0
    held = [value == says for letters, words, says in _parts(claim) for name, value in known if _names(name, letters, words)]
    return 0 if not held else 1 if all(held) else -1


def _parts(claim: str) -> Iterator[tuple[str, Sequence[str], int]]:
    """Parts of a claim of which each affirms or denies: their letters, their words, and 1 or -1."""
    part: list[str] = []
    for word in [*(word for word, _, _ in folded_words(claim)), "but"]:
        if word not in TURNS:
            part.append(word)
            continue
        if part:
            denies = any(word in HEDGED_NEGATIONS or any(word in found for found in NEGATIONS.values()) for word in part)
            yield "".join(map(letters_of, part)), [singular(word) for word in part], -1 if denies else 1
        part = []


def _names(name: str, letters: str, words: Sequence[str]) -> bool:
    return name in words or (len(name) >= _SELF_EVIDENT and name in letters)
