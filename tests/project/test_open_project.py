"""What an open project has: one version, a licence, notices, a citation, a changelog; commands that can be typed."""

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest
from packaging.version import Version

import simfp
from tests.project.test_project import PACKAGE, PROJECT, ROOT, SOURCES, imported_names


def test_the_version_has_one_home() -> None:
    assert "version" in PROJECT["dynamic"]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert pyproject["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "simfp.__version__"}
    assert Version(simfp.__version__)
    assert "version" not in yaml_keys("CITATION.cff")


def yaml_keys(name: str) -> set[str]:
    """The keys at the top of a YAML file."""
    return set(re.findall(r"^([\w-]+):", (ROOT / name).read_text(), flags=re.MULTILINE))


def test_the_citation_has_what_its_format_requires_and_names_the_licence() -> None:
    text = (ROOT / "CITATION.cff").read_text()
    assert {"cff-version", "message", "title", "authors"} <= yaml_keys("CITATION.cff")
    assert re.search(r"^cff-version: 1\.2\.0$", text, flags=re.MULTILINE)
    assert re.search(rf"^license: {PROJECT['license']}$", text, flags=re.MULTILINE)
    assert PROJECT["authors"][0]["name"] in text
    assert PROJECT["authors"][0]["name"] in (ROOT / "LICENSE").read_text()


def test_the_changelog_tells_of_this_version_in_the_order_of_keep_a_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text, flags=re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert simfp.__version__ in dict(versions)
    assert all(date for _, date in versions[1:])
    numbers = [Version(name) for name, _ in versions[1:]]
    assert numbers == sorted(numbers, reverse=True)
    kinds = set(re.findall(r"^### (.*)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_notices_name_every_file_of_data() -> None:
    told = re.findall(r"`([^`\s]+)`", (ROOT / "NOTICES.md").read_text())
    for folder, kinds in (("simfp", (".npz", ".json")), ("lessons/recordings", ("",)), ("lessons/images", ("",))):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.name.endswith(kinds) and "__pycache__" not in path.parts:
                name = path.relative_to(ROOT)
                assert any(name.match(pattern) for pattern in told), f"{name} is not in NOTICES.md"


@pytest.mark.parametrize("name", ["NOTICES.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_files_named_in_the_documents_exist(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_what_contributors_are_told_of_exists() -> None:
    """Files, folders and targets of make; of a new lesson the number 14 and what begins with it stand for any other."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"`((?:simfp|tests|lessons|docs)/[^`\s]*)`", text))
    there = {name for name in named if "14" not in name}
    assert len(there) >= 4
    assert [name for name in there if not (ROOT / name).exists()] == []
    assert [name for name in named - there if not (ROOT / name.rstrip("/")).parent.is_dir()] == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets
    rooms = re.findall(
        r"^\d+\. ((?:`[\w./]+`(?:,| to| and)? ?)+)", text.partition("## The rooms")[2].partition("\n## ")[0], re.M
    )
    inside = [name for room in rooms for name in re.findall(r"`([^`]+)`", room)]
    assert len(rooms) == 10
    assert [name for name in inside if not (PACKAGE / name).exists()] == []


def test_make_help_lists_targets_with_a_hyphen() -> None:
    pattern = re.search(r"sed -n 's/\^\\\((\[.*?\]\*)\\\):", (ROOT / "Makefile").read_text())
    assert pattern
    assert re.fullmatch(pattern[1], "test-all")


LOADS_A_PICKLE = {"pickle", "dill", "shelve", "joblib", "cloudpickle", "marshal"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_loads_a_pickle(path: Path) -> None:
    assert not {name.split(".")[0] for name in imported_names(path)} & LOADS_A_PICKLE
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            allowed = [word for word in node.keywords if word.arg == "allow_pickle"]
            assert not any(getattr(word.value, "value", True) for word in allowed)


def test_every_command_in_documents_and_lessons_can_be_typed_in_the_projects_folder() -> None:
    """Of `python -m simfp...`, which another interpreter may not have, they say `.venv/bin/python`."""
    documents = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("lessons/**/*.ipynb"),
    ]
    bare = re.compile(r"(?<![/\w])python3? -m simfp[.\w]*")
    found = {}
    for path in documents:
        text = path.read_text()
        if path.suffix == ".ipynb":
            cells = json.loads(text)["cells"]
            text = "\n".join("".join(cell["source"]) for cell in cells)
        found[path.name] = bare.findall(text)
    assert {name: commands for name, commands in found.items() if commands} == {}


def test_what_programs_print_names_the_interpreter_that_runs() -> None:
    """A literal "python -m simfp" stands in docstrings, in what a recording says of its making, and nowhere else."""
    allowed = {"script", "source", "what"}  # keys of a provenance
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
        nodes = [node for node in ast.walk(tree) if isinstance(node, documented) and ast.get_docstring(node)]
        said = {id(node.body[0].value) for node in nodes}
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                said |= {id(part) for key, value in zip(node.keys, node.values)
                         if getattr(key, "value", None) in allowed for part in ast.walk(value)}  # fmt: skip
            if isinstance(node, ast.arguments):  # the default of `again`: as on any machine
                said |= {id(default) for default in node.defaults}
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said]
        assert not [text for text in texts if isinstance(text, str) and "python -m simfp" in text], path
