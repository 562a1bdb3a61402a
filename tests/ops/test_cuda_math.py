"""The approximations of a GPU: unpacked when they are asked for, and refused where they are not those recorded."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simfp.kernels import cuda_math as kernels
from simfp.ops import cuda_math


def test_importing_simfp_unpacks_no_approximation() -> None:
    program = "import simfp\nfrom simfp.ops.cuda_math import approximation\nprint(approximation.cache_info().currsize)"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "0"


def test_four_distances_share_a_byte() -> None:
    off = np.array([-2, -1, 0, 1, 1, 1, 1, 1], np.int8)
    out = np.empty(2, np.uint8)
    kernels.packed(off, out)
    assert out.tolist() == [0b11_10_01_00, 0b11_11_11_11]


def test_answers_other_than_the_recorded_ones_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with np.load(cuda_math.RECORDING) as kept:
        parts = dict(kept)
    parts["rcp"] = np.frombuffer(cuda_math.lzma.compress(bytes(1 << 23)), np.uint8)
    made = io.BytesIO()
    np.savez(made, **parts)
    forged = tmp_path / "forged.npz"
    forged.write_bytes(made.getvalue())
    monkeypatch.setattr(cuda_math, "RECORDING", forged)
    with pytest.raises(ValueError, match=r"the table of rcp in forged\.npz is not the one that was recorded"):
        cuda_math.approximation.__wrapped__("rcp")


@pytest.mark.torch
def test_a_gpu_that_answers_as_the_recorded_one_did_gives_the_shipped_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    from simfp.gpu import approximations

    # packed as fast as can be: that the smallest file takes half a minute is not what is asked here
    compress = approximations.lzma.compress
    monkeypatch.setattr(approximations.lzma, "compress", lambda table, preset: compress(table, preset=0))

    def ask(name: str, given: np.ndarray) -> np.ndarray:
        """What the recorded GPU answered: found by the argument."""
        out = np.empty(given.size, np.float32)
        first = {"ex2": given[0], "rcp": given[0] - 1, "rsqrt": given[0] - 1 if given[0] < 2 else given[0] / 2}[name]
        kernels.ANSWERS[name](int(first * 2**23), out, cuda_math.approximation(name))
        return out

    tables, digests = approximations.recording(ask)
    assert digests == cuda_math.provenance()["tables"]
    with np.load(cuda_math.RECORDING) as kept:
        for name, table in tables.items():
            assert cuda_math.lzma.decompress(table.tobytes()) == cuda_math.lzma.decompress(kept[name].tobytes())


@pytest.mark.torch
def test_a_processor_has_no_such_instructions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from simfp.gpu.__main__ import main

    assert main(["approximations", "--device", "cpu", "--out", str(tmp_path)]) == 1
    assert "only a CUDA device has these instructions, got 'cpu'" in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.torch
def test_an_answer_too_far_off_for_a_table_is_refused() -> None:
    from simfp.gpu import approximations

    with pytest.raises(ValueError, match=r"ex2\.approx\.ftz\.f32 of 0\.0 is 3 ulps off; a table holds -2 to 1"):
        approximations.recording(lambda name, given: np.full(given.size, 1 + 3 * 2.0**-23, np.float32))


def test_powers_are_exact_where_c_says_so_and_near_elsewhere() -> None:
    special = np.float32([0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, -2.5, np.inf, -np.inf, np.nan])
    x, y = np.meshgrid(special, special)
    with np.errstate(all="ignore"):
        told, best = cuda_math.powers_of(x, y), np.power(x.astype(np.float64), y.astype(np.float64))
    exact = ~np.isfinite(best) | (best == 0) | np.isin(x, [1, -1]) | (y == 0)
    np.testing.assert_array_equal(told[exact], best[exact].astype(np.float32))
    np.testing.assert_array_equal(np.signbit(told[best == 0]), np.signbit(best[best == 0]))
    rng = np.random.default_rng(0)
    x = np.exp2(rng.uniform(-20, 20, 50_000)).astype(np.float32)
    y = rng.uniform(-6, 6, 50_000).astype(np.float32)
    np.testing.assert_allclose(cuda_math.powers_of(x, y), np.power(x.astype(np.float64), y), rtol=2e-7, atol=1e-44)
