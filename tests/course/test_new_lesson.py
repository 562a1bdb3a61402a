"""A lesson that is laid down: all of its files or none, and no lesson that is there is touched."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from simfp import whole_files
from simfp.course import notebooks
from simfp.course.authoring import __main__ as command
from simfp.course.authoring import new_lesson

FOLDERS = ("simfp/course/lessons/lesson_00", "lessons/solutions", "tests/course")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with lesson 00 alone."""
    for folder in FOLDERS:
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(new_lesson, "ROOT", tmp_path)
    return tmp_path


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_lesson_s_files_are_laid_down_and_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["new", "99", "try_it"]) == 0
    assert sorted(capsys.readouterr().out.split()) == files(root)
    assert {"lessons/99_try_it.ipynb", "lessons/solutions/99_try_it.ipynb"} < set(files(root))
    for path in root.rglob("*.py"):
        ast.parse(path.read_text())
        assert "NN" not in path.read_text()
    for path in root.rglob("*.ipynb"):
        text = path.read_text(encoding="utf-8")
        assert text == notebooks.text_of(notebooks.clean(json.loads(text)))
        assert "NN" not in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new", "00"], "lesson 00 exists: simfp/course/lessons/lesson_00 is there"),
        (["new", "7"], "a lesson's number is two digits, such as 14, got '7'"),
        (["new", "x1"], "a lesson's number is two digits, such as 14, got 'x1'"),
        (["new", "99", "../up"], "got '../up'"),
        (["new"], "new NUMBER [NAME]"),
        (["old", "99"], "new NUMBER [NAME]"),
    ],
)
def test_what_cannot_be_laid_down_is_refused_and_nothing_written(
    root: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(words) == 2
    assert said in capsys.readouterr().err
    assert files(root) == []


def test_where_one_file_cannot_be_written_none_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = whole_files.write

    def full(path: Path, content: str | bytes) -> None:
        if path.suffix == ".png":
            raise OSError("no space left")
        write(path, content)

    monkeypatch.setattr(whole_files, "write", full)
    assert command.main(["new", "99"]) == 2
    assert files(root) == []
    assert not (root / "simfp/course/lessons/lesson_99").exists()
