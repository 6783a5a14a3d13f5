"""Calls of tools as servers write them, and results of tools as passages."""

import itertools

import pytest

from rag.answers import Call
from rag.generators.replies import Told
from rag.schema import make_schema
from rag.tools import Offer, Result, Tool, beside, is_tool_document, returned


def delta(*calls):
    return {"choices": [{"delta": {"content": None, "tool_calls": list(calls)}}]}


def piece(arguments, name=None, **more):
    return {**more, "function": {"name": name, "arguments": arguments} if name else {"arguments": arguments}}


@pytest.mark.parametrize(
    "events",
    [
        [[piece("", "a", index=0, id="x")], [piece('{"n":', index=0)], [piece("1}", index=0)], [piece("{}", "b", index=1)]],
        [[piece('{"n":1}', "a", index=0, id="x")], [piece("{}", "b", index=0, id="y")]],
        [[piece('{"n":1}', "a", id="x"), piece("{}", "b", id="y")]],
        [[piece('{"n":', "a")], [piece("1}")], [piece({}, "b")]],
        [[piece('{"n":', "a", index=0, id="x")], [piece("1}", "a", index=0, id="x")], [piece("", "b", index=1), "noise", {}]],
    ],
    ids=["pieces", "one index for all", "no index", "neither index nor id", "name again"],
)
def test_calls_are_put_together_however_a_server_sends_them(events):
    told = Told()
    for calls in events:
        assert told.take(delta(*calls)) == ""
    assert ["".join(call.arguments.split()) or "{}" for call in told.calls] == ['{"n":1}', "{}"]
    assert [call.name for call in told.calls] == ["a", "b"]
    assert len({call.id for call in told.calls}) == 2


def test_results_of_a_tool_are_one_document_in_which_every_range_names_one_place():
    call, other = Call("1", "get_balance", '{"employee": "Ana"}'), Call("2", "search", "{}")
    raw = ['{"days": 12}', "You have 12 days.", "", "[" * 9_000, '{"days": 12}', "\ud800"]
    made = returned([*(Result(call, text) for text in raw), Result(other, "# Found\n\nNothing.")])
    passages = beside(made, [])
    mine = [passage for passage in passages if passage.document == "tool:get_balance"]
    text = "days: 12\n\n\nYou have 12 days.\n"
    assert [text[p.start : p.end] == p.text for p in mine[:2]] == [True, True]
    assert [p.text for p in mine[:2]] == ["days: 12", "You have 12 days."] and mine[-2].text == "days: 12"
    assert made[2].passages == () and passages[-1].document == "tool:search"
    assert all(a.end <= b.start for a, b in itertools.pairwise(mine)) and len({p.chunk for p in mine}) == len(mine)
    assert {p.context for p in mine} == {"get balance"}, "what the model wrote itself, its arguments, is no evidence"
    assert len({p.sha256 for p in mine}) == 1 and [p.rank for p in passages] == list(range(1, len(passages) + 1))
    assert is_tool_document("tool:get_balance") and not is_tool_document("tool:readme.md")


def test_a_name_is_known_as_servers_change_it_but_never_guessed():
    schema = make_schema({"type": "object", "properties": {"on": {"type": "string", "format": "date"}}})
    offer = Offer((Tool("get-balance", "", schema),))
    for name in ("get-balance", "get_balance", "functions.get_balance", "Get Balance", "get-balance<|channel|>commentary"):
        assert offer.accepted([Call("1", name, '{"on": "2026-01-31\u200b"}')]) == (
            (Call("1", "get-balance", '{"on": "2026-01-31"}'),),
            (),
        )
    assert offer.accepted([Call("1", "balance", "{}")])[0] == ()
    for arguments in ('{"on": "soon"}', "[]", '{"on": NaN}', '{"on": "2026-01-31"'):
        calls, faults = offer.accepted([Call("1", "get-balance", arguments)])
        assert not calls and len(faults) == 1
