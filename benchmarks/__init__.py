"""Speed and memory beside the alternatives, each comparison in one run: `python -m benchmarks`."""

import os

# such settings, made for one machine, would speak for another one here; NumPy, not loaded yet, then sees neither
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)
