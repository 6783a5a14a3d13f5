"""Repair: a draft with unsupported claims goes back to its generator once, with the verdicts; then the better of both is kept.

The rule: what the first draft had right stays, word for word. Of the corrected draft comes in what is supported and says
something that the first did not, at the place where the corrected draft says it. What the corrected draft still claims without
support is withheld; what it took back is gone.
"""

from collections.abc import Sequence
from dataclasses import replace

from rag.answers import Claim
from rag.drafts import Desk, Reviewed
from rag.generators import Earlier, Failure, Request


def correction(request: Request, draft: str, failed: Sequence[Claim]) -> Request:
    """The request to correct a draft."""
    failures = tuple(Failure(claim.text, claim.verdict, claim.reason, claim.detail) for claim in failed)
    return replace(request, earlier=Earlier(draft, failures), offer=None)


def joined(desk: Desk, first: Sequence[Claim], second: Reviewed) -> list[Claim]:
    """The supported claims of both drafts in order; `first` are those of the first, none of which is lost.

    A claim of the second says nothing new where the checker supports it on the claims of the first.
    """
    kept = [claim.text for claim in first]
    judgements = desk.judge_all([(claim.text, kept, claim.context) for claim in second.supported])
    added: dict[int, list[Claim]] = {}
    told = set(map(_plain, kept))
    anchor = -1  # number of the first draft's claim after which what is new belongs
    for claim, judgement in zip(second.supported, judgements, strict=True):
        if judgement.verdict == "supported":
            anchor = max(anchor, judgement.evidence[0][0])
        elif _plain(claim.text) not in told:
            told.add(_plain(claim.text))
            added.setdefault(anchor, []).append(claim)
    return [*added.get(-1, []), *(c for place, claim in enumerate(first) for c in (claim, *added.get(place, [])))]


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().strip(" .")
