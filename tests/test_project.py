"""What holds for the project as a whole: it imports, its layers hold, and nothing in it is written twice."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import pytest

import penchant

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "penchant").rglob("*.py"))
MODULES = sorted(module.name for module in pkgutil.walk_packages(penchant.__path__, "penchant.") if not module.name.endswith("__main__"))
LONGEST_FILE = 500  # lines
SMALLEST_COPY = 5  # statements: shorter bodies may be alike by chance


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.stmt]:
    """The statements without the docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def size(statements: list[ast.stmt]) -> int:
    """How many statements there are, the nested ones too."""
    return sum(isinstance(node, ast.stmt) for statement in statements for node in ast.walk(statement))


def copies(trees: dict[str, ast.Module]) -> list[list[str]]:
    """Groups of functions of different files with the same body."""
    seen: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for file, tree in trees.items():
        for function in functions(tree):
            statements = body(function)
            if size(statements) >= SMALLEST_COPY:
                seen["\n".join(map(ast.dump, statements))].append((file, function.name))
    return [[f"{file}: {name}" for file, name in places] for places in seen.values() if len({file for file, _ in places}) > 1]


def project_imports_inside(tree: ast.AST) -> list[int]:
    """Lines at which a function imports a part of Penchant."""
    lines = []
    for node in (node for function in functions(tree) for node in ast.walk(function)):
        names = (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
            if isinstance(node, ast.Import)
            else []
        )
        lines += [node.lineno for name in names if name.split(".")[0] == "penchant"]
    return lines


def third_party_imports(trees: list[ast.Module]) -> set[str]:
    """Top names of the packages imported anywhere in the files, without the project and the standard library."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {"penchant", "tests", "benchmarks"}


def declared(*extras: str) -> set[str]:
    """Names of the distributions that the core and the extras require, in lower case."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + [item for extra in extras for item in project["optional-dependencies"][extra]]
    return {item.split(">=")[0].split("[")[0].lower() for item in requirements}


def test_every_module_imports() -> None:
    assert "penchant.core.errors" in MODULES
    for name in MODULES:
        assert importlib.import_module(name).__name__ == name


def test_packages_have_their_init_file() -> None:
    folders = {path.parent for path in SOURCES}
    assert [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_version_is_the_installed_one() -> None:
    assert metadata.version("penchant") == penchant.__version__


def test_pins_are_exact_and_cover_the_direct_requirements() -> None:
    """Each requirement of the core, ``serve`` and ``dev`` has an exact pin, and torch is the build that is promised."""
    lines = [line.strip() for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()]
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    assert declared("serve", "dev") - pins.keys() == set()
    assert pins["torch"] == "2.13.0"
    assert [version for version in pins.values() if "+" in version] == []


@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("penchant", ["baselines", "serve", "otel", "llm", "scale"]),
        *((folder, ["serve", "llm", "scale", "dev"]) for folder in ("tests", "tools", "benchmarks")),
    ],
)
def test_what_is_imported_is_declared(folder: str, extras: list[str]) -> None:
    """An import that works only because another package brings the module along would break without warning."""
    installed = metadata.packages_distributions()
    known = declared(*extras)
    files = [path for path in (ROOT / folder).rglob("*.py") if path.parent.name != "peers" or not path.name.startswith("run_")]
    names = third_party_imports([tree_of(path) for path in files])  # run_*.py: peers run in environments of their own
    stray = {name for name in names if known.isdisjoint(owner.lower().replace("_", "-") for owner in installed.get(name, [name]))}
    assert stray == set(), "declare them in pyproject.toml and pin them in constraints.txt"


def test_layers_hold() -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_library_imports_itself_at_the_top_only() -> None:
    found = {str(path.relative_to(ROOT)): lines for path in SOURCES if (lines := project_imports_inside(tree_of(path)))}
    assert found == {}, "imports of penchant inside functions hide cycles; move them to the top of the file"


def test_no_function_body_is_written_twice() -> None:
    found = copies({str(path.relative_to(ROOT)): tree_of(path) for path in SOURCES})
    assert found == [], "give the shared body one home and call it from both files"


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {file: lines for file, lines in lengths.items() if lines > LONGEST_FILE} == {}


@pytest.mark.parametrize(
    ("second", "count"),
    [
        ("def g(x):\n    'Told otherwise.'\n    a = x\n    b = a\n    for c in b:\n        a += c\n    return a", 1),
        ("def g(x):\n    a = x\n    b = a\n    for c in b:\n        a -= c\n    return a", 0),
    ],
)
def test_copies_are_found(second: str, count: int) -> None:
    first = "class A:\n    def f(self):\n        a = x\n        b = a\n        for c in b:\n            a += c\n        return a"
    assert len(copies({"one.py": ast.parse(first), "two.py": ast.parse(second)})) == count


def test_short_bodies_and_copies_within_a_file_are_let_be() -> None:
    short = ast.parse("def f(x):\n    a = x\n    return a")
    twice = ast.parse("def f():\n    a\n    b\n    c\n    d\n    e\ndef g():\n    a\n    b\n    c\n    d\n    e")
    assert copies({"one.py": short, "two.py": short, "three.py": twice}) == []


def test_hidden_imports_are_found() -> None:
    source = "import penchant\ndef f():\n    import torch\n    from penchant.core import errors\n    import penchant.data\n"
    assert project_imports_inside(ast.parse(source)) == [4, 5]
