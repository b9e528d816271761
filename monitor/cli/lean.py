"""What a command of its own need not import: parts of libraries that nobody asked for.

For a process that looks at one window and ends: starting is most of what it takes.
"""

import gc
import os
import sys
from importlib.abc import MetaPathFinder
from types import ModuleType

_OF_NUMPY = frozenset(
    {
        *("char", "core", "ctypeslib", "f2py", "ma", "polynomial", "random", "rec"),
        *("strings", "test", "testing", "typing"),
    }
)
"""Packages of NumPy that it imports when somebody names them."""


def leave_out() -> None:
    """Leave out what nobody asked for; what asks for it later gets it all the same."""
    # Modules leave no garbage, and to look for it takes a tenth of importing them.
    gc.disable()
    # Pydantic looks through everything that is installed for plugins of its own.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    leave_pandas_out()
    leave_numpys_packages_out()


def settle() -> None:
    """Begin to collect garbage again, of what comes from now on."""
    gc.freeze()
    gc.enable()


def leave_pandas_out() -> None:
    """Keep pyarrow from importing pandas at its first number, which costs 0.2 s.

    For a process of its own that makes no use of pandas: pyarrow then takes a Series
    for any other sequence.
    """
    import pyarrow as pa

    sys.meta_path.insert(0, _WithoutPandas())
    pa.scalar(0)  # it tries once, and remembers
    del sys.meta_path[0]


class _WithoutPandas(MetaPathFinder):
    """An import system in which there is no pandas."""

    def find_spec(self, fullname: str, *_: object) -> None:
        """Refuse pandas, and leave the rest to others."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname)


def leave_numpys_packages_out() -> None:
    """Keep SciPy from importing all of NumPy, down to its compiler of Fortran.

    SciPy copies whatever names NumPy tells it, and with that imports a dozen packages
    that nobody here looks at: as much time as SciPy itself.
    """
    import numpy as np

    listed, named = getattr(np, "__dir__", None), np.__all__
    if listed is None:
        return

    def without() -> list[str]:
        return [name for name in listed() if name not in _OF_NUMPY]

    told: ModuleType = np
    try:
        told.__dict__["__dir__"] = without
        told.__dict__["__all__"] = [n for n in named if n not in _OF_NUMPY]
        import scipy.special  # noqa: F401 - it copies while it is imported
    finally:
        told.__dict__["__dir__"], told.__dict__["__all__"] = listed, named
