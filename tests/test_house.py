"""The house keeps its own rules: imports, names, locks, the image and the wheel."""

import ast
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-build.lock")
HEAVY = {
    *("duckdb", "evidently", "fastapi", "numpy", "pandas", "pyarrow", "scipy"),
    *("sqlalchemy", "sklearn", "uvicorn"),
}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "manager", "handler", "impl"}
LONGEST_FUNCTION = 40
LONGEST_MODULE = 450


def tracked(*patterns: str) -> list[Path]:
    """List the files that git knows and that are still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\0")
    return [ROOT / name for name in listed if name and (ROOT / name).is_file()]


def modules_after(statement: str) -> set[str]:
    """Run a statement in a fresh interpreter and list what it has imported."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(json.loads(shown.splitlines()[-1]))


PYTHON_FILES = tracked("*.py")
PRODUCT_FILES = [f for f in PYTHON_FILES if f.is_relative_to(ROOT / "checks")] + [
    f for f in PYTHON_FILES if f.is_relative_to(ROOT / "monitor")
]
NAMED = [str(file.relative_to(ROOT)) for file in PYTHON_FILES]


# ── imports ──────────────────────────────────────────────────────────────────────


def test_no_module_of_the_daemon_imports_evidently_when_imported() -> None:
    everything = """
import importlib, pkgutil, monitor
for module in pkgutil.walk_packages(monitor.__path__, "monitor."):
    if "migrations" not in module.name and not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
    assert "evidently" not in modules_after(everything)


def test_the_command_line_is_light_to_import() -> None:
    assert modules_after("import monitor.cli") & HEAVY == set()


def test_checks_import_nothing_of_the_daemon() -> None:
    everything = """
import importlib, pkgutil, checks
for module in pkgutil.walk_packages(checks.__path__, "checks."):
    importlib.import_module(module.name)
"""
    assert "monitor" not in modules_after(everything)


# ── the look of a module ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("file", PYTHON_FILES, ids=NAMED)
def test_a_module_opens_with_a_docstring(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


@pytest.mark.parametrize("file", PYTHON_FILES, ids=NAMED)
def test_a_module_is_named_after_its_noun(file: Path) -> None:
    words = set(re.split(r"[_./]", str(file.relative_to(ROOT))))
    assert words & FORBIDDEN_NAMES == set()


def test_modules_and_functions_are_short_enough_to_read() -> None:
    too_long = []
    for file in PRODUCT_FILES:
        if "migrations" in file.parts:
            continue  # a migration is a table, written once
        text = file.read_text()
        name = file.relative_to(ROOT)
        if text.count("\n") > LONGEST_MODULE:
            too_long.append(f"{name}: {text.count(chr(10))} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = own_length(node)
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{name}: {node.name} has {length} lines")
    assert too_long == []


def own_length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function's body, its docstring left out.

    A long signature is a table, not a flow: a command declares its options there.
    """
    docstring = ast.get_docstring(node, clean=False)
    told = docstring.count("\n") + 1 if docstring else 0
    first = node.body[0].lineno
    return (node.end_lineno or first) - first + 1 - told


def test_every_part_of_the_product_is_typed_for_who_uses_it() -> None:
    assert (ROOT / "checks/py.typed").is_file()
    assert (ROOT / "monitor/py.typed").is_file()


# ── what no file may say ─────────────────────────────────────────────────────────


def test_no_file_names_a_place_outside_the_repository() -> None:
    # A class in each pattern here keeps this file from matching itself.
    outside = re.compile(r"/(?:work|root|home|Users)/")
    told = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in tracked()
        for line in text_of(file).splitlines()
        if outside.search(line)
    ]
    assert told == []


def test_nothing_is_left_unfinished_or_waved_through() -> None:
    unfinished = re.compile(
        r"\b(?:T[O]DO|F[I]XME|X[X]X)\b|raise N[o]tImplementedError"
        r"|# *type: *i[g]nore(?!\[)|pragma: n[o] cover"
    )
    told = [
        f"{file.relative_to(ROOT)}: {line.strip()}"
        for file in tracked("*.py", "*.md", "*.yaml", "*.toml", "*.html", "Makefile")
        for line in text_of(file).splitlines()
        if unfinished.search(line)
    ]
    assert told == []


def text_of(file: Path) -> str:
    """Read a file as text; a binary one has none."""
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return ""


# ── the locks ────────────────────────────────────────────────────────────────────


def project() -> dict[str, list[Requirement]]:
    """Read the requirements of pyproject.toml, by where they stand."""
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = stated["dependency-groups"]
    return {
        "runtime": [Requirement(line) for line in stated["project"]["dependencies"]],
        "demo": [
            Requirement(line)
            for line in stated["project"]["optional-dependencies"]["demo"]
        ],
        "build": [Requirement(line) for line in groups["build"]],
        "dev": [Requirement(line) for line in groups["dev"] if isinstance(line, str)],
    }


def locked(name: str) -> dict[str, Version]:
    """Read a lock's versions by canonical name."""
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==([^ ;\\]+)",
        (ROOT / name).read_text(),
        re.MULTILINE,
    )
    return {canonicalize_name(package): Version(version) for package, version in pins}


@pytest.mark.parametrize(
    ("lock", "parts"),
    [
        ("requirements.lock", ("runtime", "demo")),
        ("requirements-dev.lock", ("runtime", "demo", "build", "dev")),
        ("requirements-build.lock", ("build",)),
    ],
)
def test_a_lock_holds_all_that_pyproject_asks_for_within_its_bounds(
    lock: str, parts: tuple[str, ...]
) -> None:
    pins = locked(lock)
    missing = [
        str(requirement)
        for part in parts
        for requirement in project()[part]
        if (pin := pins.get(canonicalize_name(requirement.name))) is None
        or pin not in requirement.specifier
    ]
    assert missing == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_every_lock_says_the_same_version_as_the_developers_lock(lock: str) -> None:
    assert locked(lock).items() <= locked("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    blocks = re.split(
        r"^(?=[A-Za-z0-9])", (ROOT / lock).read_text(), flags=re.MULTILINE
    )[1:]
    assert [b.partition("\n")[0] for b in blocks if "--hash=sha256:" not in b] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_index_and_no_address(lock: str) -> None:
    assert re.findall(r"\w+://\S+|^--.*", (ROOT / lock).read_text(), re.MULTILINE) == []


# ── the image ────────────────────────────────────────────────────────────────────


def dockerfile() -> list[tuple[str, str]]:
    """Read the Dockerfile's instructions, continued lines joined."""
    text = re.sub(
        r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE
    )
    lines = text.replace("\\\n", " ").splitlines()
    pairs = [line.strip().partition(" ") for line in lines if line.strip()]
    return [(word, rest.strip()) for word, _, rest in pairs]


def copied() -> list[str]:
    """List what the image is built from, of this repository."""
    return [
        source
        for word, rest in dockerfile()
        if word == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]


def test_the_image_is_built_from_what_is_there() -> None:
    assert [source for source in copied() if not (ROOT / source).exists()] == []


def test_the_builder_is_sent_what_the_image_is_built_from_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied())
    assert not any(
        fnmatch(source, line)
        for source in copied()
        for line in lines[2:]
        if line[0] != "!"
    )


def test_the_image_holds_every_dependency_at_its_locked_hash() -> None:
    installs = " ".join(rest for word, rest in dockerfile() if word == "RUN")
    assert "--require-hashes -r requirements-build.lock" in installs
    assert "--require-hashes --no-build-isolation -r requirements.lock" in installs
    assert "install --no-deps --no-build-isolation ." in installs


def test_the_image_runs_by_a_numeric_user_who_is_not_the_superuser() -> None:
    (user,) = [rest for word, rest in dockerfile() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_the_image_starts_the_daemon_and_asks_after_its_health() -> None:
    said = dict(dockerfile())
    assert json.loads(said["ENTRYPOINT"]) == ["driftd"]
    assert json.loads(said["CMD"]) == ["serve", "/etc/driftd/driftd.yaml"]
    _, _, probe = said["HEALTHCHECK"].partition("CMD ")
    assert "/livez" in json.loads(probe)[-1]
    compile(json.loads(probe)[-1], "HEALTHCHECK", "exec")


# ── the wheel ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build the wheel and list what is in it."""
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = out.iterdir()
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_all_of_the_product_and_nothing_else(wheel: set[str]) -> None:
    product = {str(file.relative_to(ROOT)) for file in tracked("checks", "monitor")}
    configs = {f"monitor/{file.relative_to(ROOT)}" for file in tracked("configs")}
    assert product | configs <= wheel
    tops = {name.partition("/")[0] for name in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "checks",
        "monitor",
    }
