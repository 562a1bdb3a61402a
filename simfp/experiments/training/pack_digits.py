"""Packs scikit-learn's copy of the handwritten digits into the file that simfp ships.

    python -m simfp.experiments.training.pack_digits

It needs the extra `gradients` (scikit-learn), and nothing else here does.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.datasets import load_digits

from simfp import whole_files
from simfp.experiments.training import digits

PROVENANCE = {
    "description": "1,797 pictures of handwritten digits, 8 x 8 pixels of 17 levels",
    "data_set": "Optical Recognition of Handwritten Digits (its test set), UCI Machine Learning Repository",
    "authors": "E. Alpaydin and C. Kaynak, 1998",
    "doi": "10.24432/C50P49",
    "licence": "CC BY 4.0 (the data set); scikit-learn, which it was taken from, is under BSD-3-Clause",
    "source": f"scikit-learn {sklearn.__version__}, sklearn.datasets.load_digits",
    "script": "python -m simfp.experiments.training.pack_digits",
}


def main() -> None:
    """Writes the file, and prints where its content comes from."""
    found = load_digits()
    images, labels = found.images.astype(np.uint8), found.target.astype(np.uint8)
    assert (images == found.images).all()  # they are whole numbers
    path = Path(digits.__file__).parent / "data" / digits.FILE
    whole_files.write_arrays(path, images=images, labels=labels, provenance=np.array(json.dumps(PROVENANCE)))
    print(json.dumps(PROVENANCE, indent=2))


if __name__ == "__main__":
    main()
