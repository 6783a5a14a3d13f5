"""LanceDB, imported without what nobody here calls.

It brings a client for remote catalogues. Each of that client's methods, hundreds, has its arguments checked by pydantic, and
building those checks as the methods are defined takes a third of the import. Here a check is built when its method is
first called, which is never. It knows nothing of stores.
"""

import functools
import importlib
import sys
import threading
from collections.abc import Callable
from typing import Any

import pydantic

_lock = threading.Lock()


def lancedb() -> Any:
    """The module `lancedb`."""
    with _lock:
        if "lancedb" not in sys.modules:
            at_once = pydantic.validate_call
            pydantic.validate_call = _when_called(at_once)  # type: ignore[assignment]
            try:
                importlib.import_module("lancedb")
            finally:
                pydantic.validate_call = at_once
        return sys.modules["lancedb"]


def _when_called(validate_call: Callable[..., Any]) -> Callable[..., Any]:
    """The decorator `validate_call`, but that it does its work at the first call of what it decorates."""

    def decorate(function: Callable[..., Any] | None = None, /, **settings: Any) -> Callable[..., Any]:
        if function is None:
            return functools.partial(decorate, **settings)
        checked: list[Callable[..., Any]] = []

        @functools.wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            if not checked:
                checked.append(validate_call(function, **settings))
            return checked[0](*given, **named)

        return call

    return decorate
