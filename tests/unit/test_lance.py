import subprocess
import sys

import pydantic
import pytest

from ingest.lance import _when_called, lancedb


def test_a_check_of_arguments_is_built_at_the_first_call_and_holds():
    built = []

    def validate_call(function, **settings):
        built.append(settings)
        return pydantic.validate_call(function, **settings)

    decorate = _when_called(validate_call)

    @decorate(validate_return=True)
    def double(number: int) -> int:
        """Twice."""
        return 2 * number

    assert (double.__name__, double.__doc__, built) == ("double", "Twice.", [])
    assert [double("4"), double(5)] == [8, 10]
    assert built == [{"validate_return": True}]
    with pytest.raises(pydantic.ValidationError):
        double("four")


def test_pydantic_is_as_it_was_after_the_import():
    before = pydantic.validate_call
    assert hasattr(lancedb(), "connect") and pydantic.validate_call is before


def test_the_import_builds_no_check_of_the_client_for_remote_catalogues():
    seen = (
        "import pydantic._internal._validate_call as inner; made = []; old = inner.ValidateCallWrapper.__init__\n"
        "def counted(self, *given, **named): made.append(given[0]); old(self, *given, **named)\n"
        "inner.ValidateCallWrapper.__init__ = counted\n"
        "from ingest.lance import lancedb; lancedb(); print(len(made))"
    )
    found = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["0"]
