"""The lessons as they are stored, and as they run: every notebook, every solution, from the first cell to the last."""

import ast
import json
import re
import time
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest
from nbclient import NotebookClient

from simfp import widgets
from simfp.course import catalogue, notebooks
from simfp.course.authoring import pictures

LESSONS_FOLDER = Path(__file__).parents[2] / "lessons"
LESSONS = sorted(LESSONS_FOLDER.glob("*.ipynb"))
SOLUTIONS = sorted((LESSONS_FOLDER / "solutions").glob("*.ipynb"))
PINNED = re.findall(r"^matplotlib==(.*)$", (LESSONS_FOLDER.parent / "constraints.txt").read_text(), re.MULTILINE)[0]
LONGEST_CELL = 12  # lines
LONGEST_RUN = 60  # seconds

every_notebook = pytest.mark.parametrize(
    "file", [*LESSONS, *SOLUTIONS], ids=lambda file: f"{file.parent.name}/{file.stem}"
)
# `make test` runs one: what an exercise's solution is told, the lesson's own tests hold
some_solutions = [SOLUTIONS[0], *(pytest.param(file, marks=pytest.mark.long) for file in SOLUTIONS[1:])]
every_run = pytest.mark.parametrize(
    "file", [*LESSONS, *some_solutions], ids=lambda file: f"{file.parent.name}/{file.stem}"
)
every_lesson = pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)


def code_cells(file: Path) -> list[str]:
    return [notebooks.source(cell) for cell in notebooks.read(file)["cells"] if cell["cell_type"] == "code"]


def prose(file: Path) -> str:
    return "\n".join(
        notebooks.source(cell) for cell in notebooks.read(file)["cells"] if cell["cell_type"] == "markdown"
    )


def ids_called(file: Path, function: str) -> set[str]:
    """The ids with which a notebook's cells call `function`."""
    return {
        key for cell in code_cells(file) for key in re.findall(rf'^{function}\("([\w.]+)"', cell, flags=re.MULTILINE)
    }


def run(file: Path) -> tuple[Any, float]:
    """The notebook with its outputs, and the seconds it took."""
    notebook = nbformat.read(file, as_version=4)
    began = time.monotonic()
    resources = {"metadata": {"path": str(file.parent)}}
    NotebookClient(notebook, timeout=LONGEST_RUN, kernel_name="python3", resources=resources).execute()
    return notebook, time.monotonic() - began


def test_there_are_lessons() -> None:
    assert [file.name[:2] for file in LESSONS][:1] == ["00"]


@pytest.mark.lessons
@every_run
def test_a_notebook_runs_from_top_to_bottom_in_under_a_minute(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMFP_PROGRESS", str(tmp_path / "progress.json"))
    notebook, seconds = run(file)
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert all(output.data.get("text/plain", "").strip() for output in outputs if "data" in output)
    assert seconds < LONGEST_RUN
    for picture in pictures.shown(notebook):
        assert picture.told == picture.words, f"{picture.path}: its words are not current; `make images`"
        stored = (file.parent / picture.path).read_bytes()
        if matplotlib.__version__ == PINNED:  # others draw the same in other pixels
            assert pictures.same_picture(stored, picture.png), f"{picture.path} is not current; `make images`"
    kept = json.loads((tmp_path / "progress.json").read_text()) if (tmp_path / "progress.json").exists() else {}
    exercises = kept.get("exercises", {})
    if file in SOLUTIONS:  # every exercise of the lesson was solved, at once
        wanted = {row.id for row in catalogue.of_lesson(catalogue.EXERCISES, file.name[:2])}
        assert {key for key, row in exercises.items() if row["passed"] and row["tries"] == 1} == wanted
    else:  # a learner who ran everything and answered nothing has neither bet nor failed
        assert kept.get("bets", {}) == {}
        assert exercises == {}


@every_notebook
def test_a_notebook_is_stored_clean(file: Path) -> None:
    stored = file.read_text(encoding="utf-8")
    assert stored == notebooks.text_of(notebooks.clean(json.loads(stored))), (
        f"run python -m simfp.course.notebooks {file}"
    )
    nbformat.validate(json.loads(stored))
    cells = notebooks.read(file)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)


@every_notebook
def test_cells_are_short_and_hold_no_classes_and_no_plotting(file: Path) -> None:
    for source in code_cells(file):
        assert len(source.splitlines()) <= LONGEST_CELL, source
        nodes = list(ast.walk(ast.parse(source)))
        assert not any(isinstance(node, ast.ClassDef) for node in nodes), source
        assert "matplotlib" not in source


@every_lesson
def test_a_lesson_s_title_is_one_question(file: Path) -> None:
    headings = re.findall(r"^# .*$", prose(file), flags=re.MULTILINE)
    assert len(headings) == 1
    assert re.fullmatch(rf"# {file.name[:2]} · [^?]+\?", headings[0])
    assert notebooks.title(file) == headings[0].removeprefix("# ")


@every_lesson
def test_a_lesson_asks_all_its_bets_and_exercises_and_settles_and_closes(file: Path) -> None:
    lesson = file.name[:2]
    bets = [row.id for row in catalogue.of_lesson(catalogue.BETS, lesson)]
    exercises = [row.id for row in catalogue.of_lesson(catalogue.EXERCISES, lesson)]
    assert bets
    assert exercises
    assert ids_called(file, "bet") == set(bets)
    assert ids_called(file, "check") == set(exercises)
    assert ids_called(file, "settle") == {lesson}
    text = prose(file)
    assert "Three lines to keep" in text
    assert len(re.findall(r"^- ", text.partition("Three lines to keep")[2].partition("##")[0], flags=re.MULTILINE)) == 3
    assert "Next question" in text
    assert any(f"{name}(" in cell for cell in code_cells(file) for name in widgets.__all__)  # something to drag


@every_lesson
def test_every_exercise_has_a_solution_with_its_reason(file: Path) -> None:
    solution = LESSONS_FOLDER / "solutions" / file.name
    assert solution in SOLUTIONS
    for row in catalogue.of_lesson(catalogue.EXERCISES, file.name[:2]):
        assert {cell["cell_type"] for cell in notebooks.tagged(solution, row.id)} == {"markdown", "code"}
        assert row.id in ids_called(solution, "check")


@every_lesson
def test_every_widget_of_a_lesson_has_a_picture_for_readers_without_a_kernel(file: Path) -> None:
    cells = notebooks.read(file)["cells"]
    named = re.compile(rf"({'|'.join(widgets.__all__)})\(")
    shows = [
        number
        for number, cell in enumerate(cells)
        if cell["cell_type"] == "code" and named.search(notebooks.source(cell))
    ]
    assert shows
    for number in shows:
        links = pictures.LINK.findall(notebooks.source(cells[number + 1]))
        assert [len(words) > 40 and (file.parent / path).is_file() for words, path in links] == [True], cells[number]


def test_every_picture_is_named_by_a_lesson_or_the_readme() -> None:
    named = {path for file in LESSONS for _, path in pictures.LINK.findall(prose(file))}
    named |= set(re.findall(r"lessons/(images/[\w.]+)", (LESSONS_FOLDER.parent / "README.md").read_text()))
    assert {f"images/{file.name}" for file in (LESSONS_FOLDER / "images").iterdir()} == named


@every_lesson
def test_links_between_lessons_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", prose(file)):
        assert target.startswith("https://") or (file.parent / target).is_file(), target


def test_every_bet_and_exercise_belongs_to_a_lesson_that_is_there() -> None:
    there = {file.name[:2] for file in LESSONS}
    assert {key.partition(".")[0] for key in [*catalogue.BETS, *catalogue.EXERCISES]} == there


def test_cleaning_takes_outputs_counters_and_traces_of_the_machine_and_keeps_ids_and_tags(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "used.ipynb"
    cell = nbformat.v4.new_code_cell("1 + 1\n\n", id="sum", metadata={"tags": ["00.a"], "editable": True})
    cell.execution_count, cell.outputs = 3, [nbformat.v4.new_output("stream", text="2")]
    notebook = nbformat.v4.new_notebook(
        cells=[cell], metadata={"widgets": {}, "kernelspec": {"name": "mine", "display_name": "Mine"}}
    )
    nbformat.write(notebook, file)
    assert notebooks.main([str(file)]) == 0
    assert "cleaned" in capsys.readouterr().out
    stored = notebooks.read(file)
    assert stored["cells"] == [
        {
            "cell_type": "code",
            "id": "sum",
            "metadata": {"tags": ["00.a"]},
            "source": ["1 + 1"],
            "execution_count": None,
            "outputs": [],
        }
    ]
    assert stored["metadata"] == notebooks.KERNEL
    assert notebooks.main([str(file)]) == 0
    assert "as it was" in capsys.readouterr().out
