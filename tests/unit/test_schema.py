"""Schemas and JSON values, without generators and stores."""

import json

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import SchemaError
from rag.schema import fitted, make_schema
from rag.values import cut_down, escaped_chars, leaves, parsed_json, pointer, statement, unescaped, written

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_written_json_reads_back_and_its_spans_hold_the_leaves(value):
    text, spans = written(value)
    assert parsed_json(text) == value
    for place, leaf in leaves(value):
        raw = text[slice(*spans[place])]
        assert (unescaped(raw) if isinstance(leaf, str) else json.loads(raw)) == leaf
        assert not isinstance(leaf, str) or escaped_chars(leaf) == len(raw)


@given(VALUES, st.data())
def test_what_is_cut_is_gone_and_the_rest_tells_where_it_stood(value, data):
    before = dict(leaves(value))
    chosen = data.draw(st.sets(st.sampled_from(sorted(before, key=str)))) if before else set()
    cuts = {place: data.draw(st.sampled_from(["null", "out"])) for place in chosen}
    left, origin = cut_down(value, cuts)
    assert [before[origin[place]] for place, _ in leaves(left)] == [leaf for _, leaf in leaves(left)]
    assert {origin[place] for place, _ in leaves(left)} == before.keys() - cuts.keys()


@pytest.mark.parametrize("text", ["NaN", "[1e999]", "-Infinity", '"\\ud800"', "[" * 60 + "]" * 60, "[" * 100_000, "{}{}", ""])
def test_json_that_others_could_not_read_is_none(text):
    with pytest.raises(ValueError):
        parsed_json(text)


def test_references_still_resolve_in_the_wrapped_schema():
    tree = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "city": {"$ref": "#/$defs/city"}, "more": {"$ref": "#"}},
        "required": ["name"],
        "$defs": {"city": {"type": "integer"}},
    }
    wrapped = jsonschema_rs.validator_for(make_schema(tree).wrapped)
    assert wrapped.is_valid({"answer": {"name": "a", "city": 1, "more": {"name": "b"}}, "citations": ["1"]})
    assert wrapped.is_valid({"answer": None, "citations": []})
    assert not wrapped.is_valid({"answer": {"name": "a", "city": "x"}, "citations": []})
    assert not wrapped.is_valid({"answer": {"name": "a", "more": {"city": 1}}, "citations": []})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"properties": {"a": {"items": {"patternProperties": {"^x": {"type": "number"}}}}}},
        {"$ref": "#/$defs/m", "$defs": {"m": {"additionalProperties": {"type": "string"}}}},
    ],
)
def test_a_schema_whose_answers_could_never_be_checked_is_refused_at_once(schema):
    with pytest.raises(SchemaError, match="names of properties"):
        make_schema(schema)
    assert make_schema(schema, with_maps=True).is_kept({})


def test_a_property_may_have_the_name_of_a_keyword():
    named = {"properties": {"additionalProperties": {"type": "string"}}, "additionalProperties": {"type": "string"}}
    assert make_schema(named).is_kept({"additionalProperties": "x"})


def test_an_anchor_still_resolves_in_the_wrapped_schema():
    schema = {"properties": {"city": {"$ref": "#town"}}, "$defs": {"t": {"$anchor": "town", "enum": ["Rome"]}}}
    wrapped = jsonschema_rs.validator_for(dict(make_schema(schema).wrapped))
    assert wrapped.is_valid({"answer": {"city": "Rome"}, "citations": []})
    assert not wrapped.is_valid({"answer": {"city": "Oslo"}, "citations": []})


def test_a_schema_dictates_what_it_leaves_no_choice_in():
    schema = make_schema(
        {
            "properties": {"a": {"const": "x"}, "b": {"enum": ["y"]}, "c": {"enum": ["y", "z"]}, "d": {"$ref": "#/$defs/d"}},
            "required": ["a", "b", "c"],
            "$defs": {"d": {"items": {"const": 1}, "properties": {"x": {"const": 2}}, "required": ["x"]}},
        }
    )
    places = [("a",), ("b",), ("c",), ("d", 0), ("d", "x"), ("e",)]
    assert [schema.dictates(place) for place in places] == [True, True, False, False, True, False]
    # That it stands there at all says something: `approved` may be left out.
    assert not make_schema({"properties": {"approved": {"const": True}}}).dictates(("approved",))
    ring = make_schema({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}})
    assert not ring.dictates(("x",))


def test_a_schema_that_takes_long_to_match_ends_all_the_same():
    hostile = make_schema({"type": "string", "pattern": "^(a+)+(?=b)$"})
    assert not hostile.is_kept("a" * 200 + "!")


def test_as_little_is_cut_as_the_schema_allows():
    row = {"type": "object", "properties": {"n": {"type": "string"}, "m": {"type": ["string", "null"]}}, "required": ["n", "m"]}
    schema = make_schema({"type": "object", "properties": {"rows": {"type": "array", "items": row, "minItems": 1}}})
    value = {"rows": [{"n": "1", "m": "2"}, {"n": "3", "m": "4"}]}
    assert fitted(value, [("rows", 0, "m")], schema) == {("rows", 0, "m"): "null"}
    assert fitted(value, [("rows", 0, "n"), ("rows", 0, "m")], schema) == {("rows", 0): "out"}
    assert fitted(value, [("rows", 0, "n"), ("rows", 1, "n")], schema) == {("rows", 0): "out", ("rows",): "out"}
    assert fitted("x", [()], make_schema({"type": "string"})) is None


def test_a_short_value_is_said_of_its_property():
    assert statement("/hotels/0/nightlyLimit", "140 euros") == "nightly limit: 140 euros"
    assert statement("/hotel_limits/2", "140") == "hotel limits: 140"
    assert statement("/note", "The limit is 140 euros.") == "The limit is 140 euros."
    assert statement("", "140") == "140"
    assert pointer(("a/b", 0, "c~")) == "/a~1b/0/c~0"
