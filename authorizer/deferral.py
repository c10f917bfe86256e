"""Imports that a library makes, and that its use here does not need, put off until it does.

A cold start pays for every module. python-jose reads certificates, and Powertools traces: not for
us. Their imports of that cannot be left out, and can wait.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any


@contextmanager
def deferred(*modules: str) -> Iterator[None]:
    """While a library is imported, what it takes out of these modules is taken once it is used.

    Only what is called, or looked into, can be put off: no base class, and no constant. Whoever
    imports one of the modules afterwards gets it as it is.

    Args:
        modules: their full names. One that is loaded already is left alone.
    """
    waiting = {name: ModuleType(name) for name in modules if name not in sys.modules}
    for name, module in waiting.items():
        vars(module)["__getattr__"] = partial(_Later, name)
    sys.modules.update(waiting)
    try:
        yield
    finally:
        for name in waiting:
            del sys.modules[name]


class _Later:
    """What a module has under a name. It is imported when this is called, or looked into."""

    def __init__(self, module: str, name: str) -> None:
        self._get: Callable[[], Any] = lambda: getattr(import_module(module), name)

    def __call__(self, *given: Any, **named: Any) -> Any:  # noqa: ANN401 - as the real one has it
        return self._get()(*given, **named)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._get(), name)
