"""What NumPy is told about the processor, before anything imports it.

Its linear algebra is told to keep to the thread that asks: matrices here are of some
dozens of columns, and threads that wait for such spin on the processors that count.

AMD's Zen 4 has AVX-512, but the one instruction of it that NumPy's sort lives on (to
store a compressed vector in memory) takes over a hundred cycles there: sorting, which
is most of what counting costs, takes five times as long as with AVX2. NumPy takes the
widest instructions there are unless it is told otherwise while it is imported.
See https://github.com/numpy/x86-simd-sort/issues/6.
"""

import ctypes
from collections.abc import Mapping, MutableMapping
from importlib import metadata
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
DISABLE = "NPY_DISABLE_CPU_FEATURES"
THREADS = "OPENBLAS_NUM_THREADS"
_ARENAS = -8
"""What `mallopt` calls the most places that memory is taken from."""
_ZEN_3_AND_4 = "25"
_OLD_NAMES = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL"
_NEW_NAMES = "X86_V4 AVX512_ICL"
_RENAMED = (2, 4)


def prepare(env: MutableMapping[str, str]) -> None:
    """Put into the environment what makes NumPy quick; what is there stays."""
    env.setdefault(THREADS, "1")
    try:
        told = CPUINFO.read_text(encoding="utf-8")
        settings = numpy_settings(told, metadata.version("numpy"))
    except (OSError, ValueError, metadata.PackageNotFoundError):
        return
    for name, value in settings.items():
        env.setdefault(name, value)


def share_memory() -> None:
    """Let all threads take memory from one place: what one lets go another takes.

    glibc keeps a place for each thread otherwise, and what is free in it besides.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # another C library
    mallopt(_ARENAS, 1)


def numpy_settings(cpuinfo: str, version: str) -> Mapping[str, str]:
    r"""Return the settings for a processor, as Linux tells of it, and a NumPy.

    >>> zen_4 = "vendor_id : AuthenticAMD\ncpu family : 25\nflags : avx2 avx512f\n"
    >>> numpy_settings(zen_4, "2.4.6")
    {'NPY_DISABLE_CPU_FEATURES': 'X86_V4 AVX512_ICL'}
    >>> numpy_settings(zen_4.replace("25", "26"), "2.4.6")
    {}
    """
    lines = cpuinfo.partition("\n\n")[0].splitlines()
    pairs = [line.partition(":") for line in lines]
    first = {name.strip(): value.strip() for name, _, value in pairs}
    slow = (
        first.get("vendor_id") == "AuthenticAMD"
        and first.get("cpu family") == _ZEN_3_AND_4
        and "avx512f" in first.get("flags", "").split()
    )
    if not slow:
        return {}
    major, minor = (int(part) for part in version.split(".")[:2])
    names = _NEW_NAMES if (major, minor) >= _RENAMED else _OLD_NAMES
    return {DISABLE: names}
