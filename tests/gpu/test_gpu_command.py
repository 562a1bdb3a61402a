"""`python -m simfp.gpu` without a GPU: the prober on NumPy and on torch's CPU, and what is refused."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import simfp as sf

pytestmark = pytest.mark.torch


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the place of NumPy's and torch's own sums, whose order depends on the processor: sums in a known one."""
    import torch

    from simfp.gpu import probe

    def multiply(a: torch.Tensor, b: torch.Tensor, fmt: str, *, fast: bool = True) -> torch.Tensor:
        sums = sf.HOPPER if fmt.startswith("float8") else FUSED
        return torch.from_numpy(sums.products(a.double().numpy(), b.double().numpy(), sf.as_format(fmt))).float()

    def rows_of(m: int, n: int) -> Any:
        return lambda rows: FUSED.products(rows, np.ones((rows.shape[1], 1)), sf.float32)[:, 0]

    def sums(rows: np.ndarray) -> np.ndarray:
        return sf.PairwiseSum("float32").products(rows, np.ones((rows.shape[1], 1)), sf.float32)[:, 0]

    for name, made in {"multiply": multiply, "_numpy_rows": rows_of, "_numpy_sum": sums}.items():
        monkeypatch.setattr(probe, name, made)


FUSED = sf.SequentialSum("float32", fma=True)


@pytest.mark.usefixtures("known")
def test_the_prober_tells_a_pairwise_sum_from_matrix_products(capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "numpy.sum", "--shape", "1", "40", "1"]) == 0
    pairwise = capsys.readouterr().out
    assert "s1 = 5 x 1 (0 .. 32, every 8th)" in pairwise
    assert "each step adds one term" in pairwise
    for device in ("numpy", "cpu"):
        assert command.main(["probe", "--device", device, "--shape", "16", "40", "16"]) == 0
        product = capsys.readouterr().out
        assert product.startswith(f"{device}, float32, 16 x 40 x 16\nthe sum = 40 x 1 (0 .. 39)")


@pytest.mark.usefixtures("known")
def test_a_product_on_a_device_along_the_tree_that_was_found_has_its_bits() -> None:
    import torch

    from simfp.gpu import probe
    from simfp.probing import product_along

    finding = probe.probe("cpu", "float32", (16, 50, 16))
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((16, 50)).astype(np.float32), rng.standard_normal((50, 16)).astype(np.float32)
    made = probe.multiply(torch.from_numpy(a), torch.from_numpy(b), "float32").numpy().astype(float)
    along = product_along(finding.tree, a.astype(float), b.astype(float), "float32", FUSED)
    assert np.array_equal(along, made)


@pytest.mark.parametrize("device", ["numpy", "numpy.sum", "cpu"])
def test_what_this_processor_s_libraries_do_is_found_or_refused_with_a_word(
    device: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from simfp.gpu import __main__ as command

    refused = command.main(["probe", "--device", device, "--shape", "16", "40", "16"])
    told = capsys.readouterr()
    if refused:  # a kernel may add some terms up in one rounding, or each column in an order of its own
        assert re.match(rf"{device}: (the counts fit no tree|the columns of one product are summed)", told.err)
    else:
        assert told.out.startswith(device)
        assert "the sum = " in told.out


def test_what_cannot_be_probed_is_refused_with_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "numpy", "--format", "float16"]) == 1
    assert capsys.readouterr().err == "numpy: numpy is probed in float32 only, got float16\n"
    assert command.main(["record"]) == 1
    assert "no CUDA device is available to torch" in capsys.readouterr().err


@pytest.mark.usefixtures("known")
def test_what_the_prober_finds_is_written_whole_and_comes_back_from_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from simfp import lessons_folder
    from simfp.gpu import __main__ as command
    from simfp.silicon import recordings

    path = tmp_path / "recordings" / "found.json"
    asked = [
        "probe",
        "--device",
        "cpu",
        "--format",
        "float32",
        "--format",
        "float8_e4m3fn",
        "--shape",
        "16",
        "32",
        "16",
    ]
    assert command.main([*asked, "--out", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {path}\n")
    monkeypatch.setattr(lessons_folder, "lessons", lambda: tmp_path)
    found = recordings.load("found")
    assert [(row["format"], row["result"], row["k"]) for row in found["findings"]] == [
        ("float32", "float32", 32),
        ("float8_e4m3fn", "float32", 32),
    ]
    assert found["provenance"]["script"] == (
        "python -m simfp.gpu probe --format float32 --format float8_e4m3fn --device cpu --shape 16 32 16"
    )
    assert [each.name for each in path.parent.iterdir()] == ["found.json"]


def test_the_questions_about_16_bit_results_are_asked_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from simfp.gpu import __main__ as command
    from simfp.gpu import split_k_products
    from simfp.silicon.split_k_products import SHAPES, Shape

    few = tuple(shape for shape in SHAPES if (shape.m, shape.n, shape.k) == (10, 10, 32))
    monkeypatch.setattr(split_k_products, "SHAPES", few)
    monkeypatch.setattr(split_k_products, "ACCUMULATED", few[:1])
    monkeypatch.setattr(split_k_products, "TRAINING", {"dW = g^T x": (Shape("float16", 8, 16, 8, "tn"),)})
    assert command.main(["half-products", "--device", "cpu", "--out", str(tmp_path)]) == 0
    found = json.loads((tmp_path / "cpu_half_products.json").read_text())
    for part, shapes in (("by default", few), ("without reduction in 16 bits", few), ("with sums in float16", few[:1])):
        assert set(found[part]["answers"]) == {shape.name for shape in shapes}
        assert sum(len(order["shapes"]) for order in found[part]["orders"]) == found[part]["asked"] == len(shapes)


def test_recorded_orders_are_asked_for_again(tmp_path: Path) -> None:
    from simfp.gpu import __main__ as command

    asked = ["orders", "--device", "cpu", "--like", "h100_orders", "--seconds", "0.01", "--out", str(tmp_path)]
    assert command.main(asked) == 0
    found = json.loads((tmp_path / "cpu_orders.json").read_text())
    assert sum(found["asked"].values()) == sum(found["same"].values()) + len(found["differing"])


def test_counts_of_16_bit_results_are_exact_for_sums_longer_than_such_a_result_counts() -> None:
    import torch

    from simfp.gpu.products import count_on

    def rounded(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.mm(a.float(), b.float()).bfloat16()

    count = count_on("cpu", "bfloat16", (8, 700, 8), product=rounded)
    pairs = np.array([[0, 1], [0, 300], [0, 699], [300, 699]])
    alone = count_on("cpu", "bfloat16", (8, 700, 8), product=lambda a, b: torch.mm(a.float(), b.float()))
    assert count(pairs).tolist() == alone(pairs).tolist()
    assert count(pairs).max() > 256  # more than bfloat16 counts


@pytest.mark.parametrize("name", ["tree.png", "tree.svg"])
def test_the_tree_is_drawn_into_a_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu import __main__ as command

    file = tmp_path / name
    assert command.main(["probe", "--device", "numpy.sum", "--shape", "1", "20", "1", "--draw", str(file)]) == 0
    assert f"wrote {file}" in capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == [name]
    if file.suffix == ".svg":
        text = file.read_text()
        assert "numpy.sum, sums of 20" in text
        assert "Summation tree of 20 terms" in text
    else:
        with Image.open(file) as picture:
            assert min(picture.size) > 100


@pytest.mark.parametrize(
    ("name", "said"),
    [("tree.gif", "a tree is drawn as one of .png, .svg, got 'tree.gif'"), ("no/tree.png", "there is no folder")],
)
def test_a_drawing_that_cannot_be_made_is_refused_before_anything_is_asked(
    name: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from simfp.gpu import __main__ as command

    assert command.main(["probe", "--device", "numpy.sum", "--draw", str(tmp_path / name)]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert list(tmp_path.iterdir()) == []
