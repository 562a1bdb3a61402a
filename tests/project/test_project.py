"""The project holds together: import order, dependencies, documents, and what a built wheel contains."""

import ast
import doctest
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import simfp
from tests.browser import pictures

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "simfp"
SOURCES = sorted(PACKAGE.rglob("*.py"))
ABOVE_ALL = {"__init__", "__main__"}  # these two may import anything

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

# used here, and not worth a line of its own in pyproject.toml: it comes with ...
COMES_WITH = {
    "ipython": "ipykernel",
    "llvmlite": "numba",
    "nbformat": "nbclient",
    "packaging": "pytest",
    "pillow": "matplotlib",
    "traitlets": "ipywidgets",
}

# imported as one thing, asked for as another, and only in environments other than the tests'
NOT_IN_TESTS = {"sklearn": "scikit-learn"}


# rooms of simfp whose docstrings list what is in them, as simfp's own does
ROOMS = ("experiments", "figures", "widgets", "course")


def import_order(package: Any = simfp) -> list[str]:
    """The modules in the order that a package's docstring lists, the lowest first."""
    return re.findall(r"^    (\w+)  ", package.__doc__ or "", flags=re.MULTILINE)


def module_of(path: Path) -> str:
    """The name below simfp of the module or subpackage that a file belongs to: "bits", "kernels"."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported_names(path: Path, types: bool = True) -> frozenset[str]:
    """Full names of all that a file imports, at its top or anywhere within; without `types`, when it runs."""
    names = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree if types else without_types(tree)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def without_types(tree: ast.Module) -> ast.Module:
    """A file without what only type checkers read."""

    class Runs(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.If | list[ast.stmt]:
            return node.orelse if ast.unparse(node.test).endswith("TYPE_CHECKING") else node

    return Runs().visit(tree)


def is_simfp(name: str) -> bool:
    """Whether a full name is that of the package, or of something in it."""
    return name.partition(".")[0] == "simfp"


def exposed() -> set[str]:
    """The modules that `import simfp` brings."""
    return {
        name.split(".")[1] for name in imported_names(PACKAGE / "__init__.py", types=False) if name.startswith("simfp.")
    }


def committed_text_files() -> list[tuple[str, str]]:
    """Path and text of each file that git tracks, but for pictures and arrays."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listing.split("\0") if name and not name.endswith((".npz", ".npy", ".png")))
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in paths if path.exists()]


# --- the order of imports --------------------------------------------------------------------------------------


def test_every_module_stands_in_the_import_order() -> None:
    assert {module_of(path) for path in SOURCES} - ABOVE_ALL <= set(import_order())


def test_every_module_in_the_import_order_exists() -> None:
    assert set(import_order()) <= {module_of(path) for path in SOURCES}


def upward_imports(types: bool) -> dict[str, set[str]]:
    """What each file imports from modules that stand below its own in the order; `types`: for type checkers alone."""
    order = import_order()
    upward = {}
    for path in SOURCES:
        module = module_of(path)
        if module in ABOVE_ALL:
            continue
        allowed = set(order[: order.index(module) + 1])
        if order.index(module) > max(map(order.index, exposed())):
            allowed |= {"", *vars(simfp)["__all__"]}  # the package itself is whole by then
        running = imported_names(path, types=False)
        names = filter(is_simfp, imported_names(path) - running if types else running)
        inside = {name.partition(".")[2].partition(".")[0] for name in names}
        upward[str(path.relative_to(PACKAGE))] = inside - allowed
    return {path: names for path, names in upward.items() if names}


def test_imports_point_only_downward() -> None:
    assert upward_imports(types=False) == {}


# an Array is given methods further up, of which type checkers are told
UPWARD_FOR_TYPES: dict[str, set[str]] = {}


def test_types_are_imported_from_further_up_only_where_a_class_is_given_methods_from_there() -> None:
    assert upward_imports(types=True) == UPWARD_FOR_TYPES


@pytest.mark.parametrize("room", ROOMS)
def test_imports_within_a_room_point_only_downward(room: str) -> None:
    order = import_order(importlib.import_module(f"simfp.{room}"))
    inside = {
        path: path.relative_to(PACKAGE / room).parts[0].removesuffix(".py") for path in SOURCES if room in path.parts
    }
    assert set(inside.values()) - ABOVE_ALL == set(order)
    upward = {}
    for path, part in inside.items():
        if part not in ABOVE_ALL:
            names = {name.split(".")[2] for name in imported_names(path) if name.startswith(f"simfp.{room}.")}
            upward[str(path.relative_to(PACKAGE))] = sorted(names - set(order[: order.index(part) + 1]))
    assert {path: names for path, names in upward.items() if names} == {}


def test_no_widget_is_made_of_another() -> None:
    made_of = {
        path.parent.name: {name.split(".")[2] for name in imported_names(path) if name.startswith("simfp.widgets.")}
        for path in PACKAGE.glob("widgets/*/widget.py")
    }
    assert len(made_of) > 10
    assert {widget: parts - {"parts"} for widget, parts in made_of.items() if parts - {"parts"}} == {}


def test_torch_is_imported_only_in_gpu() -> None:
    with_torch = [path for path in SOURCES if "torch" in {name.split(".")[0] for name in imported_names(path)}]
    assert [path for path in with_torch if module_of(path) != "gpu"] == []


def test_importing_simfp_brings_neither_matplotlib_nor_ipywidgets_nor_torch() -> None:
    heavy = {"matplotlib", "ipywidgets", "anywidget", "torch", "IPython"}
    program = f"import sys, simfp; print(*sorted({heavy} & set(sys.modules)))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.split() == []


NETWORK = {"socket", "http", "urllib", "ftplib", "smtplib", "ssl", "requests", "httpx", "aiohttp", "webbrowser"}
CALLS_OUT = re.compile(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|EventSource|\bimport\(")


def test_nothing_in_the_package_can_speak_to_a_network() -> None:
    named = {path: {name.split(".")[0] for name in imported_names(path)} & NETWORK for path in SOURCES}
    assert {path: names for path, names in named.items() if names} == {}


def test_no_front_end_speaks_to_a_network() -> None:
    front_ends = sorted(PACKAGE.rglob("*.js"))
    assert front_ends
    assert [path for path in front_ends if CALLS_OUT.search(path.read_text())] == []


# --- dependencies ----------------------------------------------------------------------------------------------


def requirements(*extras: str) -> dict[str, Requirement]:
    """What pyproject.toml asks for, core and `extras`, by name."""
    asked = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in asked}


def constraints() -> dict[str, Version]:
    """The versions that constraints.txt pins, by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pins}


def test_environment_yml_names_the_dependencies_of_the_lessons() -> None:
    text = (ROOT / "environment.yml").read_text()
    named = [Requirement(line) for line in re.findall(r"^  - ([^\s:]+)$", text, flags=re.MULTILINE)]
    conda = {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in named}
    del conda["conda-forge"], conda["pip"]  # the channel, and what installs simfp itself
    build = Requirement(*tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"])
    asked = {name: str(requirement.specifier) for name, requirement in requirements("lessons").items()}
    assert conda == asked | {"python": PROJECT["requires-python"], build.name: str(build.specifier)}


def test_constraints_pin_every_dependency_within_its_range() -> None:
    pinned = constraints()
    for name, requirement in requirements(*EXTRAS).items():
        assert pinned[name] in requirement.specifier, requirement


@pytest.mark.parametrize("extras", [(), ("lessons",)])
def test_neither_simfp_nor_its_lessons_ask_for_torch(extras: tuple[str, ...]) -> None:
    assert "torch" not in requirements(*extras)


def test_everything_imported_is_asked_for() -> None:
    distributions = metadata.packages_distributions()
    asked = set(requirements(*EXTRAS)) | set(COMES_WITH)
    for path in [*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("benchmarks/**/*.py")]:
        outside = {name.split(".")[0] for name in imported_names(path)} - sys.stdlib_module_names
        for name in outside - {"simfp", "tests", "benchmarks"}:
            owners = distributions.get(name, [NOT_IN_TESTS.get(name, name)])
            assert asked & {canonicalize_name(owner) for owner in owners}, f"{path}: {name}"


@pytest.mark.parametrize(("name", "owner"), COMES_WITH.items())
def test_what_comes_with_a_dependency_does_come_with_it(name: str, owner: str) -> None:
    assert owner in requirements(*EXTRAS)
    assert name in {canonicalize_name(Requirement(line).name) for line in metadata.requires(owner) or []}


# --- documents -------------------------------------------------------------------------------------------------


def modules_with_examples() -> list[str]:
    """Full names of the modules of simfp whose text has a doctest."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in SOURCES if ">>> " in path.read_text())
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert (result.failed, result.attempted > 0) == (0, True)


def test_examples_in_the_readme_are_true() -> None:
    result = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert (result.failed, result.attempted > 0) == (0, True)


def test_files_and_commands_named_in_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", text)) <= targets
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_picture_in_the_readme_has_a_text_alternative() -> None:
    pictures = re.findall(r"!\[([^\]]*)\]", (ROOT / "README.md").read_text())
    assert pictures
    assert all(len(alternative) > 20 for alternative in pictures)


def test_the_shares_told_of_the_readmes_picture_are_those_of_the_widget() -> None:
    (told,) = re.findall(r"!\[([^\]]*)\]\(lessons/images/underflow.png\)", (ROOT / "README.md").read_text())
    shares = set(re.findall(r"[\d.]+ %", told))
    assert shares
    assert shares <= set(re.findall(r"[\d.]+ %", pictures.slider().alternative()))


def test_no_committed_file_names_a_path_of_one_machine() -> None:
    machine_path = re.compile(r"(?<![\w.}])/(?:home|Users|root|work|tmp)/\w+")
    found = {name: machine_path.findall(text) for name, text in committed_text_files()}
    assert {name: paths for name, paths in found.items() if paths} == {}


# --- what is shipped -------------------------------------------------------------------------------------------


def test_a_wheel_contains_every_file_of_the_package(tmp_path: Path) -> None:
    source = tmp_path / "source"
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, source / "simfp", ignore=unwanted)
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICES.md"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "-w", str(tmp_path), str(source)], check=True)
    (wheel,) = tmp_path.glob("simfp-*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("simfp/")}
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert inside == {path.relative_to(ROOT).as_posix() for path in files}
