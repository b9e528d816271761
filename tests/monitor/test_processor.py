"""What NumPy is told about the processor, and that it listens."""

import os
import subprocess
import sys

import pytest

from monitor.processor import DISABLE, THREADS, numpy_settings, prepare


def cpuinfo(vendor: str, family: int, flags: str) -> str:
    """Return what Linux says of two processors of one kind."""
    one = (
        "processor\t: 0\n"
        f"vendor_id\t: {vendor}\ncpu family\t: {family}\nmodel name\t: {vendor}: X\n"
        f"flags\t\t: fpu {flags}\nbugs\t\t:\n"
    )
    return f"{one}\n{one}"


ZEN_4 = cpuinfo("AuthenticAMD", 25, "avx2 avx512f avx512dq")


@pytest.mark.parametrize(
    "told",
    [
        cpuinfo("AuthenticAMD", 25, "avx2"),
        cpuinfo("AuthenticAMD", 26, "avx2 avx512f"),
        cpuinfo("GenuineIntel", 6, "avx2 avx512f"),
        "CPU implementer\t: 0x41\nFeatures\t: fp asimd\n",
        "",
    ],
)
def test_other_processors_keep_all_they_have(told: str) -> None:
    assert {} == numpy_settings(told, "2.4.6")


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("2.0.1", "AVX512_SKX"),
        ("2.3.5", "AVX512F"),
        ("2.4.0", "X86_V4"),
        ("2.10.0rc1", "X86_V4"),
    ],
)
def test_zen_4_is_named_in_the_words_of_the_version(version: str, named: str) -> None:
    assert named in numpy_settings(ZEN_4, version)[DISABLE].split()


def test_what_a_user_has_set_stays() -> None:
    env = {DISABLE: "AVX2", THREADS: "3"}

    prepare(env)

    assert {DISABLE: "AVX2", THREADS: "3"} == env


def test_numpy_takes_the_settings_of_this_machine_without_a_warning() -> None:
    env = dict(os.environ)
    prepare(env)

    subprocess.run(
        [sys.executable, "-W", "error", "-c", "import numpy"], env=env, check=True
    )


def test_memory_is_shared_where_the_c_library_knows_how() -> None:
    code = """
import threading
from monitor.processor import share_memory
share_memory()
held = []
threads = [threading.Thread(target=held.append, args=(bytes(9999),)) for _ in "abcd"]
[one.start() for one in threads], [one.join() for one in threads]
print(len(held))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert (ran.stdout.strip(), ran.stderr) == ("4", "")
