"""Drafts of a model that may call tools: its calls are held against what is on offer, and asked for anew once.

What does not hold then is a draft that failed. A model that calls says nothing else: words beside a call are dropped unread,
as the answer comes after the results. It knows neither how a generator is told of tools nor who runs them.
"""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from rag.answers import Answer
from rag.generators import Draft, Earlier, with_account

if TYPE_CHECKING:
    from rag.pipeline import Steps, Work, Write


def drafted(work: "Work", base: Answer, write: "Write") -> "Steps[tuple[Answer, Draft, int]]":
    """Have the draft written; gives the answer so far, the draft, and how many of its claims were handed out.

    The calls of the draft are such as may be passed on; where there are any, nothing else of it counts.

    Raises: as `write` does.
    """
    yield "status", "generate"
    generator, offer = work.engine.generator, work.request.offer
    with work.clock.lap("generate"):
        draft, n_told = yield from write(generator, work.request, work.desk, work.policy)
        if offer is None or draft.failure:
            return base, draft, n_told
        calls, faults = offer.accepted(draft.calls)
        if faults:
            base = replace(base, accounts=with_account(base.accounts, draft))
            again = replace(work.request, earlier=Earlier(_written(draft), faults=faults, is_call=True))
            draft, n_told = yield from write(generator, again, work.desk, work.policy)
            calls, faults = offer.accepted(draft.calls)
    if faults and not draft.failure:
        problem = "it called no function" if not draft.calls else "its calls do not keep to the functions on offer"
        draft = Draft(failure=problem, account={**draft.account, "problem": problem})
    return base, replace(draft, calls=() if faults else calls), n_told


def called(base: Answer, draft: Draft) -> Answer:
    """The answer that waits for the results of its calls."""
    return replace(base, calls=draft.calls, reason="called", schema=None, accounts=with_account(base.accounts, draft))


def _written(draft: Draft) -> str:
    """The calls as the model is shown them; what it said where it called nothing."""
    if not draft.calls:
        return draft.text
    return json.dumps([{"function": call.name, "arguments": call.arguments} for call in draft.calls], ensure_ascii=False)
