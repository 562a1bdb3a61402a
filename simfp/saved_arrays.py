"""Arrays as files give them back: `np.load` knows no formats of ml_dtypes, and gives the bytes of their values."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simfp.formats import Format

__all__ = ["from_bytes"]


def from_bytes(x: NDArray[Any], fmt: Any) -> NDArray[Any]:
    """Values that were saved in a format of ml_dtypes, of which `np.load` gives the bytes (`|V2`, `|V1`).

    fmt: the format that they are read in.

    Raises ValueError for a format that is not saved in so many bytes, naming the cure.
    """
    own = fmt.storage_dtype if isinstance(fmt, Format) else None
    if own is None or own.type.__module__ == "numpy" or own.itemsize != x.dtype.itemsize or x.dtype.names:
        kinds = {1: "ml_dtypes.float8_e4m3fn or ml_dtypes.float8_e5m2", 2: "ml_dtypes.bfloat16"}
        meant = kinds.get(x.dtype.itemsize, "the format that it was saved in")
        raise ValueError(
            f"np.load gave the bytes of each value (dtype {x.dtype.str!r}), not its format: say which it was saved in, "
            f"`x.view({meant})`, to load it into {fmt}"
        )
    return x.view(own)
