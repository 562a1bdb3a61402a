"""The matrix's parts: what rows are told, what is counted, what the table says. Its rows take `make test-matrix`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.matrix import environments, report, running
from tests.matrix.part import NOTEBOOKS, NUMPYS, PARTS, ROOT, TORCHS
from tests.matrix.rows import ROWS, VARIABLES, Row

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_one"/>
<testcase classname="tests.test_a" name="test_two"><failure message="1 != 2"/></testcase>
<testcase classname="tests.test_b" name="test_three"><error message="gone"/></testcase>
<testcase classname="tests.test_b" name="test_four"><skipped/></testcase>
</testsuite></testsuites>"""


def result(**options: object) -> running.Result:
    given = {"sources": "s", "commit": "c", "date": "2030-01-01", "seconds": 1, "versions": {"numpy": "9"}, "tests": 4}
    return running.Result(**{"took": {}, "variables": {}, **given, **options})  # type: ignore[arg-type]


def test_rows_have_names_of_their_own_and_change_one_thing_each() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS[1:]:
        assert bool(row.variables) != bool(row.python)
        assert len(set(row.variables.values())) <= 1
    assert {name for row in ROWS for name in row.variables} <= set(VARIABLES)
    assert {row.part for row in ROWS} <= set(PARTS)


def test_every_file_of_a_part_is_there_and_each_with_torch_is_in_one() -> None:
    assert all((ROOT / file).is_file() for file in (*NUMPYS, *NOTEBOOKS, *TORCHS))
    assert "tests/reference/test_ops_against_torch.py" in TORCHS
    assert not set(NUMPYS) & {file for file in TORCHS if file.startswith("tests/reference/")}  # they import torch


def test_the_oldest_versions_are_the_lower_bounds_of_what_the_core_and_the_lessons_need() -> None:
    assert environments.oldest("numpy>=2.1") == "numpy==2.1"
    with pytest.raises(ValueError, match=r"of `numpy~=2\.1` in pyproject\.toml the oldest version cannot be read"):
        environments.oldest("numpy~=2.1")
    wanted = environments.requirements("oldest")
    held = {line.partition("==")[0] for line in wanted["held"]}
    assert {"numpy", "numba", "ml_dtypes", "jupyterlab", "matplotlib"} <= held
    assert "torch" not in {environments.name_of(each) for each in wanted["install"]}
    assert environments.requirements("newest")["held"] == []


def test_a_python_that_is_not_there_is_missing_and_named() -> None:
    with pytest.raises(
        environments.Missing, match=r'no Python 2\.6 was found; name one: .*PYTHONS="/path/to/python2\.6"'
    ):
        environments.interpreter("2.6", ("no-such-python",))


def test_tests_are_counted_from_pytests_report(tmp_path: Path) -> None:
    file = tmp_path / "row.xml"
    file.write_text(JUNIT)
    made = result(**running.counted(file))
    assert (made.tests, made.passed, made.skipped) == (4, 1, 1)
    assert made.failed == ["tests.test_a::test_two", "tests.test_b::test_three"]
    assert not made.green
    assert result().green
    assert not result(tests=0).green


def test_the_table_says_what_had_no_effect_which_bits_differ_and_what_was_not_run() -> None:
    first, other, gone = Row("default"), Row("x", {"MKL_CBWR": "AVX2"}, "MKL"), Row("y", {"MKL_CBWR": "Z"}, "MKL")
    done = {
        first: result(digests={"sum": "1", "exp": "2"}, took={"MKL": "new"}),
        other: result(digests={"sum": "1", "exp": "3"}, took={"MKL": "new"}, plain={"MKL": "new"}, failed=["a::b"],
                      variables=other.variables),
    }  # fmt: skip
    text = report.as_text(done, {gone: "the processor has no z"}, [first, other, gone])
    assert "**2 of 3 rows ran: 8 tests, 1 failed.**" in text
    assert "| x | `MKL_CBWR=AVX2` | new **(no effect: they take it anyhow)** | 4 | 3 | 1 |" in text
    assert "1 of 2 the same; differ: exp" in text
    assert "- y: the processor has no z" in text
    assert "- x: `a::b`" in text
    assert report.different(done[other], done[first])
    assert not report.different(done[first], done[first])
    assert "commit |" not in text  # said once, above the table


def test_the_table_says_of_each_row_on_which_commit_it_ran_where_these_differ() -> None:
    first, other = Row("default"), Row("x", {"MKL_CBWR": "AVX2"}, "MKL")
    text = report.as_text({first: result(commit="aaa"), other: result(commit="bbb")}, {}, [first, other])
    rows = {line.split("|")[1].strip(): line.split("|")[-2].strip() for line in text.splitlines() if line[:1] == "|"}
    assert (rows["row"], rows["default"], rows["x"]) == ("commit", "aaa", "bbb")
