"""Drawings of summation trees: every term under its number, a bar for each addition, and what is left out told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simfp as sf
from simfp.experiments.numbers import adders
from simfp.figures.numbers import summation_tree
from simfp.probing import leaves, masks_for
from simfp.probing import summation_tree as found

HOPPER = adders.model(sf.HOPPER, "fp16")


def tree_of(sums: Any, terms: int, fmt: str = "float32") -> Any:
    from simfp.probing import survivors

    return found(survivors(sums, terms, masks_for(fmt)), terms)


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.texts]


def bars(tree: Any) -> int:
    return 1 + sum(map(bars, tree)) if isinstance(tree, tuple) else 0


@pytest.mark.parametrize(
    "tree", [0, (0, 1), ((0, 2), (1, 3)), tuple(range(7)), tree_of(adders.numpy_sum, 64), tree_of(HOPPER, 64, "fp16")]
)
def test_a_tree_of_a_few_dozen_terms_is_drawn_whole(tree: Any) -> None:
    axes = summation_tree.draw(tree)
    told = texts(axes)
    assert sorted(told, key=int) == [str(term) for term in leaves(tree)]
    lines = [each for each in axes.collections if each.get_linewidth()[0] != 0.9]  # those that are no uprights
    assert len(lines) == bars(tree)


def test_a_step_that_adds_several_is_thick_and_of_another_colour() -> None:
    def thick(tree: Any) -> list[bool]:
        lines = summation_tree.draw(tree).collections
        return [each.get_linewidth()[0] > 3 for each in lines if each.get_linewidth()[0] != 0.9]

    assert thick(((0, 1, 2), 3)) == [True, False]
    assert thick(((0, 1), 2, 3)) == [False, True]


def test_no_two_lines_of_a_tree_cross() -> None:
    axes = summation_tree.draw(tree_of(adders.numpy_sum, 40))
    flat, upright = [], []
    for each in axes.collections:
        ((x0, y0), (x1, y1)) = each.get_segments()[0]
        (flat if y0 == y1 else upright).append((min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)))
    assert len(flat) == 39
    for low, high, y, _ in flat:
        assert not [each for each in upright if low < each[0] < high and each[2] < y < each[3]]


@pytest.mark.parametrize(
    ("sums", "terms", "fmt", "said"),
    [
        (adders.numpy_sum, 1000, "float32", ["terms, 0 …"]),
        (HOPPER, 512, "fp16", ["⋯ 28 more steps", "16 terms, 496 … 511"]),
        (lambda rows: np.array([np.cumsum(row)[-1] for row in rows.astype(np.float32)], float), 300, "float32",
         ["0", "1", "2", "⋯ 295 more steps", "298", "299"]),
        (adders.model(sf.HOPPER.with_order(split_k=256), "fp16"), 1024, "fp16", ["⋯ 12 more steps"]),
    ],
)  # fmt: skip
def test_a_tree_of_hundreds_is_abbreviated_and_says_what_is_left_out(
    sums: Any, terms: int, fmt: str, said: list[str]
) -> None:
    tree = tree_of(sums, terms, fmt)
    axes = summation_tree.draw(tree)
    told = texts(axes)
    assert len(told) < 80
    for part in said:
        assert any(part in text for text in told), told
    assert f"Summation tree of {terms:,} terms" in summation_tree.words(tree)


def test_a_drawing_goes_onto_axes_that_are_given() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert summation_tree.draw((0, 1), ax=axes) is axes


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(summation_tree.os, "replace", broken)
    with pytest.raises(OSError, match="the disk is full"):
        summation_tree.save((0, 1), tmp_path / "tree.png", "two")
    assert list(tmp_path.iterdir()) == []


# ---- what adds ----


def test_the_adders_add() -> None:
    rows = np.random.default_rng(0).integers(0, 9, (35, 20)).astype(float)
    for sums in (adders.numpy_sum, adders.dot, adders.matmul, HOPPER):
        assert sums(rows).tolist() == rows.sum(1).tolist()


def test_a_product_whose_kernel_has_another_order_for_each_row_has_the_tree_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def by_row(a: Any, b: Any) -> Any:
        """Even rows from the first term on, odd ones from the last on; column by column the same."""
        made = np.zeros((len(a), b.shape[1]), np.float32)
        for k in range(a.shape[1]):
            made[::2] += np.outer(a[::2, k], b[k])
            made[1::2] += np.outer(a[1::2, -1 - k], b[-1 - k])
        return made

    monkeypatch.setattr(np, "matmul", by_row)
    assert tree_of(adders.matmul, 5) == ((((0, 1), 2), 3), 4)
