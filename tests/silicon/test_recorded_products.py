"""Matrix products that an H100 and an H200 made, held against the models bit for bit; and against their checksums."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import simfp as sf
from simfp.silicon import product_cases, recordings

FOLDER = Path(__file__).parents[2] / "lessons" / "recordings"
RECORDING = recordings.load("h100_products")
FP8 = ("float8_e4m3fn", "float8_e5m2")


@pytest.fixture(scope="module")
def answers() -> list[product_cases.Recorded]:
    return list(product_cases.recorded(FOLDER / "h100_products.npz", RECORDING))


def test_every_recorded_product_comes_out_with_no_differing_bit(
    answers: list[product_cases.Recorded], say: Callable[[str], None]
) -> None:
    differing = {row.case.name: row.differing() for row in answers}
    elements: Counter[str] = Counter()
    for row in answers:
        elements[row.case.fmt] += row.answer.size
    counts = ", ".join(f"{count:,} of {fmt}" for fmt, count in elements.items())
    say(f"{sum(elements.values()):,} elements of recorded products ({counts}): {sum(differing.values())} differ")
    assert {name: count for name, count in differing.items() if count} == {}
    assert sum(elements.values()) > 350_000
    assert set(elements) == {"float16", "bfloat16", "float8_e4m3fn", "tfloat32", "float32"}


def checksum_of_answer(case: product_cases.Case) -> str:
    """SHA-256 of the codes that the model makes of a case, every NaN as the one that these cores make."""
    made = product_cases.model(case)
    codes = np.where(np.isnan(made), np.uint32(0x7FFFFFFF), made.view(np.uint32))
    return hashlib.sha256(codes.tobytes()).hexdigest()


def test_an_h200_made_the_same_bits_and_the_model_makes_them_too(
    answers: list[product_cases.Recorded], say: Callable[[str], None]
) -> None:
    other = recordings.load("h200_products")
    assert other["provenance"]["device"] == "NVIDIA H200"
    told = {row["name"]: row["answer"] for row in other["cases"]}
    both = {row.case.name: hashlib.sha256(row.answer.tobytes()).hexdigest() for row in answers}
    assert both == {name: answer for name, answer in told.items() if name in both}
    asked_there_only = {case for case in product_cases.CASES if case.name not in both}
    assert {case.formats for case in asked_there_only} == {FP8, FP8[::-1]}
    assert [row["inputs"] for row in other["cases"]] == [product_cases.checksum(case) for case in product_cases.CASES]
    made = {case.name: checksum_of_answer(case) for case in product_cases.CASES}
    elements = sum(row["elements"] for row in other["cases"])
    differing = sum(made[name] != answer for name, answer in told.items())
    say(f"{elements:,} elements of an H200's products, in {len(told)} cases: {differing} cases differ in a bit")
    assert made == told


def test_an_h200_keeps_subnormal_numbers_where_an_h100_does() -> None:
    assert recordings.load("h200_subnormals")["rows"] == recordings.load("h100_subnormals")["rows"]


def test_the_recording_has_every_case_of_one_format_and_the_corners_are_really_in_it(
    answers: list[product_cases.Recorded],
) -> None:
    assert [row.case for row in answers] == [case for case in product_cases.CASES if not case.by]
    seen: Counter[str] = Counter()
    for row in answers:
        told = row.answer.view(np.float32)
        with np.errstate(invalid="ignore"):
            size = np.abs(told)
        seen["nan"] += int(np.isnan(told).sum())
        seen["infinite"] += int(np.isinf(told).sum())
        seen["overflowed"] += int(np.isinf(told).sum()) if row.case.kind == "large" else 0
        seen["subnormal"] += int(((size > 0) & (size < 2.0**-126)).sum())
        seen["zero"] += int((told == 0).sum())
        assert set(row.answer[np.isnan(told)].tolist()) <= {0x7FFFFFFF}  # the one NaN that these cores make
    assert all(seen[kind] > 100 for kind in ("nan", "infinite", "overflowed", "subnormal", "zero")), seen


@pytest.mark.parametrize(
    ("fmt", "terms", "fraction_bits"),
    [("float16", 8, 25), ("float16", 16, 24), ("float16", 16, 26), ("bfloat16", 32, 25)],
)
def test_other_parameters_give_other_bits(
    fmt: str, terms: int, fraction_bits: int, answers: list[product_cases.Recorded]
) -> None:
    row = next(row for row in answers if row.case == product_cases.Case(fmt, "spread", 48, 64, 48))
    a, b = (sf.decode(codes.astype(np.uint16), fmt).astype(float) for codes in product_cases.inputs(row.case))
    other = sf.TensorCore(terms, fraction_bits).products(a, b, sf.as_format(fmt))
    assert (other.astype(np.float32).view(np.uint32) != row.answer).mean() > 0.01


def test_a_damaged_file_and_other_inputs_are_refused(tmp_path: Path) -> None:
    content = bytearray((FOLDER / "h100_products.npz").read_bytes())
    content[1000] ^= 1
    (tmp_path / "h100_products.npz").write_bytes(content)
    with pytest.raises(ValueError, match="does not have its checksum"):
        list(product_cases.recorded(tmp_path / "h100_products.npz", RECORDING))
    other = json.loads(json.dumps(RECORDING))
    other["cases"][0]["inputs"] = "0" * 64
    with pytest.raises(ValueError, match="the inputs of float16 near one 48x16x48 are not those that were recorded"):
        list(product_cases.recorded(FOLDER / "h100_products.npz", other))
