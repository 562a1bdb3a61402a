"""torch.backends: switches that scripts set. They are kept, and change nothing.

Products of float32 are carried in float32 whatever `allow_tf32` says; how products are carried otherwise is chosen by
`simfp.amp.accumulating`, and TF32 is a format: ``x.to("tfloat32")``.
"""

from types import SimpleNamespace

from simfp.torchlike.names import hinting

__all__ = ["cpu", "cuda", "cudnn", "mps"]

cuda = SimpleNamespace(
    matmul=SimpleNamespace(
        allow_tf32=False, allow_fp16_reduced_precision_reduction=True, allow_bf16_reduced_precision_reduction=True
    ),
    is_built=lambda: True,
)
cudnn = SimpleNamespace(
    enabled=True, benchmark=False, deterministic=True, allow_tf32=True, is_available=lambda: True, version=lambda: None
)
mps = SimpleNamespace(is_available=lambda: False, is_built=lambda: False)
cpu = SimpleNamespace(get_cpu_capability=lambda: "DEFAULT")

__getattr__ = hinting(__name__)
