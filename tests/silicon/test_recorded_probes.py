"""What the prober found on an H200 and on a processor, held against the models; it knew nothing of them."""

from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.probing import Step, describe, find_step, masks_for, read_tree, steps_of, summation_tree, survivors
from simfp.silicon import recordings
from simfp.tensor_core import Order

H200: list[dict[str, Any]] = [
    row | {"recording": name}
    for name in ("h200_probe", "h200_probe_promoted", "h200_probe_residue")
    for row in recordings.load(name)["findings"]
]
ON_CORES = [row for row in H200 if row["format"] != "float32"]


@pytest.mark.parametrize("row", ON_CORES, ids=lambda row: row["what"])
def test_every_step_that_was_found_is_that_of_hopper_s_core(row: dict[str, Any]) -> None:
    core = sf.HOPPER.core(row["format"])
    assert (row["step"]["terms"], row["step"]["fraction_bits"]) == (core.terms, core.fraction_bits)
    assert row["step"]["alignment"] == "toward_zero"
    short = max(map(len, parts_of(row))) < 3  # where no part has three steps, none shows how the running sum is rounded
    assert row["step"]["conversion"] == ("unknown" if short else core.rounding)
    assert "Hopper" in row["names"]
    assert row["result"] == "float32"


def parts_of(row: dict[str, Any]) -> list[list[list[int]]]:
    """The steps of each part of a recorded sum."""

    def parts(tree: Any) -> list[list[list[int]]]:
        chain, sums = steps_of(tree)
        return [part for each in sums for part in parts(each)] + ([chain] if chain else [])

    return parts(read_tree(row["tree"]))


@pytest.mark.parametrize(
    ("recording", "fmt", "order"),
    [
        ("h200_probe", "float16", Order()),
        ("h200_probe", "bfloat16", Order()),
        ("h200_probe", "tfloat32", Order(split_k=32)),
        ("h200_probe", "float8_e4m3fn", Order()),
        ("h200_probe_promoted", "float8_e4m3fn", Order(split_k=128)),
        ("h200_probe_residue", "float16", Order(tile=64, k_tail="first")),
        ("h200_probe_residue", "bfloat16", Order()),
        ("h200_probe_residue", "tfloat32", Order(split_k=8)),
    ],
)
def test_every_tree_that_was_found_is_an_order_of_the_model(recording: str, fmt: str, order: Order) -> None:
    row = next(row for row in H200 if (row["recording"], row["format"]) == (recording, fmt))
    expected = [
        [list(range(*step)) for step in part.tolist()] for part in order.parts(row["k"], sf.HOPPER.core(fmt).terms)
    ]
    assert parts_of(row) == expected


def test_an_h200_sums_float32_in_single_terms_rounded_to_nearest() -> None:
    rows = [row for row in H200 if row["format"] == "float32"]
    assert len(rows) == 2
    assert all(Step(**row["step"]) == Step(1, None, "exact", "nearest") for row in rows)
    assert all(row["names"] == [] for row in rows)


def test_numpy_s_sum_is_here_what_it_was_where_it_was_recorded() -> None:
    (row,) = recordings.load("cpu_probe_numpy_sum")["findings"]

    def sums(rows: np.ndarray) -> np.ndarray:
        return np.array([each.sum() for each in rows.astype(np.float32)], float)

    tree = summation_tree(survivors(sums, row["k"], masks_for("float32")), row["k"])
    assert describe(tree) == row["tree"]
    assert find_step(sums, tree, row["k"], "float32") == Step(**row["step"]) == Step(1, None, "exact", "nearest")


@pytest.mark.parametrize("name", ["cpu_probe_numpy", "cpu_probe_torch"])
def test_products_of_a_processor_add_single_terms_to_nearest(name: str) -> None:
    """Their orders are that processor's and those libraries'; so only what every one of them has is held here."""
    recording = recordings.load(name)
    assert recording["provenance"]["device"].startswith("CPU, ")
    for row in recording["findings"]:
        assert Step(**row["step"]) == Step(1, None, "exact", "nearest")
        assert sorted(term for part in parts_of(row) for step in part for term in step) == list(range(row["k"]))
