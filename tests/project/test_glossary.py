"""The glossary: every term once, in order, with its source and where it is met; every link to it leads to a term."""

import re
from pathlib import Path

import pytest

from simfp.course import notebooks

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
LESSONS = sorted((ROOT / "lessons").glob("*.ipynb"))
LINK = re.compile(r"\]\(\.\./docs/glossary\.md#([^)]*)\)")


def terms() -> dict[str, str]:
    """Each term's text by the term; of a term that is there twice the last."""
    return dict(re.findall(r"^## (.+)\n\n((?:(?!## ).*\n)*)", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE))


def anchor(term: str) -> str:
    """The address of a heading, by GitHub's rule and by JupyterLab's, which agree on lower case."""
    return term.replace(" ", "-")


def prose(file: Path) -> str:
    cells = notebooks.read(file)["cells"]
    return "\n".join(notebooks.source(cell) for cell in cells if cell["cell_type"] == "markdown")


def test_terms_stand_in_order_and_once_and_are_their_own_addresses() -> None:
    headings = re.findall(r"^## (.+)$", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(headings) > 100
    assert headings == sorted(set(headings))
    assert all(re.fullmatch(r"[a-z0-9]+(?:[ -][a-z0-9]+)*", term) for term in headings)
    assert list(terms()) == headings


def test_every_term_has_a_definition_a_source_and_places() -> None:
    for term, text in terms().items():
        definition, _, lines = text.strip().partition("\n\n")
        assert len(definition.split()) > 5 or definition.startswith("See ["), term
        assert re.fullmatch(r"- Source: .{10,}\n- Met in: .{5,}", lines), term


@pytest.mark.parametrize("file", LESSONS, ids=lambda file: file.stem)
def test_every_link_of_a_lesson_leads_to_a_term(file: Path) -> None:
    found = LINK.findall(prose(file))
    assert set(found) <= {anchor(term) for term in terms()}
    assert len(found) == len(set(found)) > 0  # a lesson leads to a term once


def test_a_term_names_just_the_lessons_that_lead_to_it() -> None:
    leading = {file.name: set(LINK.findall(prose(file))) for file in LESSONS}
    for term, text in terms().items():
        named = re.findall(r"\(\.\./lessons/([^)]*)\)", text)
        assert named == [name for name, found in leading.items() if anchor(term) in found], term


def test_terms_lead_to_terms_and_files_that_are_there() -> None:
    known = {f"#{anchor(term)}" for term in terms()}
    for term, text in terms().items():
        assert set(re.findall(r"\]\((#[^)]*)\)", text)) <= known, term
        files = [name for name in re.findall(r"`([\w/.]+)`", text) if "/" in name]
        assert all((ROOT / name).exists() for name in files), (term, files)


def test_a_reader_of_the_project_is_led_to_the_glossary() -> None:
    assert "(docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
