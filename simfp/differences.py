"""What torch has under a name and simfp has not, with what to use instead; and what it has, but otherwise.

Tables by torch's module and name. A name of these modules that stands in neither table is there and behaves as torch's,
apart from what holds for all: formats are simfp's, `device` is taken and means nothing, `inplace=True` is taken and
makes a new tensor, chance is NumPy's, and gradients of gradients are not computed.
"""

from __future__ import annotations

__all__ = ["DIFFERS", "MISSING"]

_THREE = "images with depth are not computed: fold one axis into the batch, or use the kind for images"
_LAZY = "give the number of inputs: the layer without `Lazy`"
_UNDERSCORE = "the function without the underscore, and assign what it gives"
_INDICES = "places of the largest values are not given back: `max_pool2d` for the values alone"
_SHARED = "for several devices: there is one"
_OLD = "torch's deprecated name: the one that ends in an underscore"
_MARGIN = "a margin written out: `relu(margin - x + y).mean()`"
_WHERE = "`torch.where` of a comparison"
_DECOMPOSED = "write the weight as a product in `forward`"


def _each(names: str, hint: str) -> dict[str, str]:
    """One hint for several names."""
    return dict.fromkeys(names.split(), hint)


# fmt: off
MISSING: dict[str, dict[str, str]] = {
    "torch.nn": {
        **_each("""
            AdaptiveAvgPool3d AdaptiveMaxPool3d AvgPool3d CircularPad3d ConstantPad3d Conv3d ConvTranspose3d
            FractionalMaxPool3d InstanceNorm3d LPPool3d MaxPool3d MaxUnpool3d ReflectionPad3d ReplicationPad3d
            ZeroPad3d
        """, _THREE),
        **_each("""
            LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d LazyConvTranspose1d
            LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d
            LazyLinear UninitializedBuffer UninitializedParameter
        """, _LAZY),
        **_each("AdaptiveMaxPool1d AdaptiveMaxPool2d", "`MaxPool2d` with kernel_size = length // size"),
        **_each("FractionalMaxPool2d MaxUnpool1d MaxUnpool2d", _INDICES),
        **_each("LPPool1d LPPool2d", "`AvgPool2d` of a power, times the window's size, and a root"),
        **_each("DataParallel SyncBatchNorm", _SHARED),
        **_each("MultiLabelMarginLoss MultiMarginLoss", _MARGIN),
        **_each("Hardshrink Softshrink Threshold", _WHERE),
        **_each("AlphaDropout FeatureAlphaDropout", "`Dropout`"),
        **_each("""
            AdaptiveLogSoftmaxWithLoss LinearCrossEntropyLoss LinearCrossEntropyOptions
        """, "`Linear` and `CrossEntropyLoss`"),
        **_each("CrossMapLRN2d LocalResponseNorm", "`GroupNorm` or `BatchNorm2d`"),
        "Bilinear":                      "two `Linear` layers and their product, or `matmul` with a weight",
        "Buffer":                        "`register_buffer`",
        "CTCLoss":                       "not computed",
        "ChannelShuffle":                "`reshape`, `transpose` and `reshape`",
        "Container":                     "`Module`",
        "factory_kwargs":                "an internal name of torch's",
        "EmbeddingBag":                  "`Embedding`, and `sum` or `mean` over the axis of the bag",
        "Fold":                          "`ConvTranspose2d` with a weight of ones and zeros",
        "MultiLabelSoftMarginLoss":      "`BCEWithLogitsLoss`, whose mean it is",
        "NLLLoss2d":                     "`NLLLoss`, which takes images",
        "RNNCellBase":                   "`Module`; the cells are there",
        "RReLU":                         "`LeakyReLU` with the slope that it has in `eval`, (lower + upper) / 2",
        "Softmax2d":                     "`Softmax(dim=-3)`",
        "TripletMarginWithDistanceLoss": "the distances, and `relu(near - far + margin).mean()`",
    },
    "torch.nn.functional": {
        **_each("""
            adaptive_avg_pool3d adaptive_max_pool3d adaptive_max_pool3d_with_indices avg_pool3d conv3d
            conv_transpose3d fractional_max_pool3d fractional_max_pool3d_with_indices lp_pool3d max_pool3d
            max_pool3d_with_indices max_unpool3d
        """, _THREE),
        **_each("celu_ elu_ hardtanh_ leaky_relu_ relu_ rrelu_ selu_ threshold_", _UNDERSCORE),
        **_each("""
            adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices fractional_max_pool2d
            fractional_max_pool2d_with_indices max_pool1d_with_indices max_pool2d_with_indices max_unpool1d
            max_unpool2d
        """, _INDICES),
        **_each("adaptive_max_pool1d adaptive_max_pool2d", "`max_pool2d` with kernel_size = length // size"),
        **_each("alpha_dropout feature_alpha_dropout", "`dropout`"),
        **_each("channel_shuffle native_channel_shuffle", "`reshape`, `transpose` and `reshape`"),
        **_each("hardshrink softshrink threshold", _WHERE),
        **_each("lp_pool1d lp_pool2d", "`avg_pool2d` of a power, times the window's size, and a root"),
        **_each("multi_margin_loss multilabel_margin_loss", _MARGIN),
        **_each("grouped_mm scaled_grouped_mm scaled_mm", "`simfp.matmul`, whose accumulator is chosen"),
        **_each("affine_grid grid_sample", "not computed; `interpolate` for other sizes"),
        "assert_int_or_pair":            "an internal name of torch's",
        "bilinear":                      "`matmul` with the weight, times the other input, and `sum`",
        "conv_tbc":                      "`conv1d` of the axes in another order",
        "ctc_loss":                      "not computed",
        "embedding_bag":                 "`embedding`, and `sum` or `mean` over the axis of the bag",
        "fold":                          "`conv_transpose2d` with a weight of ones and zeros",
        "gumbel_softmax":                "`softmax` of (logits + noise) / tau, with noise -log(-log(u)) of uniform u",
        "linear_cross_entropy":          "`linear` and `cross_entropy`",
        "local_response_norm":           "`group_norm` or `batch_norm`",
        "multi_head_attention_forward":  "`nn.MultiheadAttention`",
        "multilabel_soft_margin_loss":   "`binary_cross_entropy_with_logits`, whose mean it is",
        "pdist":                         "`pairwise_distance` of `x[:, None]` and `x[None]`",
        "rrelu":                         "`leaky_relu` with the slope that it has in `eval`, (lower + upper) / 2",
        "triplet_margin_with_distance_loss": "the distances, and `relu(near - far + margin).mean()`",
        "upsample_bilinear":             "`interpolate(mode='bilinear', align_corners=True)`",
        "upsample_nearest":              "`interpolate`",
        **_each("""
            boolean_dispatch handle_torch_function has_torch_function has_torch_function_unary
            has_torch_function_variadic ScalingType SwizzleType
        """, "an internal name of torch's"),
    },
    "torch.nn.utils": {
        "clip_grad_norm":                "torch's deprecated name: `clip_grad_norm_`",
        "clip_grads_with_norm_":         "`clip_grad_norm_`",
        "get_total_norm":                "`clip_grad_norm_(parameters, float('inf'))`, which gives it",
        "skip_init":                     "make the layer: its initial values cost little",
        **_each("""
            convert_conv2d_weight_memory_format convert_conv3d_weight_memory_format
        """, "values have no memory format here"),
        **_each("""
            fuse_conv_bn_eval fuse_conv_bn_weights fuse_linear_bn_eval fuse_linear_bn_weights
        """, "run the layers one after the other"),
        **_each("remove_spectral_norm remove_weight_norm spectral_norm weight_norm", _DECOMPOSED),
    },
    "torch.nn.init": {
        **_each("""
            constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform xavier_normal
            xavier_uniform
        """, _OLD),
        **_each("dirac_ sparse_", "assign the values to `weight.data`"),
    },
    "torch.optim": {
        **_each("NAdam RAdam", "`Adam` or `AdamW`; with a warm-up for what RAdam is for"),
        **_each("ASGD Rprop", "`SGD`"),
        "Adadelta":                      "`RMSprop`",
        "Adafactor":                     "`AdamW` with `state_dtype`, where memory is the reason",
        "LBFGS":                         "not computed: `SGD` or `AdamW`",
        "Muon":                          "not computed: `AdamW`",
        "SparseAdam":                    "`Adam`: there are no sparse gradients",
        "swap_in_optimizer_params_and_state": "an internal name of torch's",
    },
    "torch.optim.lr_scheduler": {},
    "torch.optim.swa_utils": {
        **_each("""
            AveragedModel get_ema_avg_fn get_ema_multi_avg_fn get_swa_avg_fn get_swa_multi_avg_fn
        """, "a copy of the model, and `average.lerp_(p, 1 - decay)` in `no_grad`"),
        "SWALR":                         "`LinearLR` or `CosineAnnealingLR`",
        "update_bn":                     "run the data through the model in `train`, in `no_grad`",
    },
    "torch.amp": {
        **_each("custom_bwd custom_fwd", "there are no functions with a backward of one's own"),
    },
}

DIFFERS: dict[str, dict[str, str]] = {
    "torch.nn": {
        "AvgPool1d":             "ceil_mode=True is not computed",
        "AvgPool2d":             "ceil_mode=True is not computed",
        "Conv1d":                "padding_mode is 'zeros'; padding='same' for odd kernels",
        "Conv2d":                "padding_mode is 'zeros'; padding='same' for odd kernels",
        "ConvTranspose1d":       "padding_mode is 'zeros'; `forward` takes no output_size",
        "ConvTranspose2d":       "padding_mode is 'zeros'; `forward` takes no output_size",
        "Embedding":             "no max_norm, scale_grad_by_freq and sparse",
        **_each("CELU ELU SELU", "in float32 below 0 up to 2 ulp from CUDA's, whose expm1 is its own"),
        "GRU":                   "no PackedSequence; torch's own cells, not cuDNN",
        "LSTM":                  "no PackedSequence; torch's own cells, not cuDNN",
        "RNN":                   "no PackedSequence; torch's own cells, not cuDNN",
        "RNNBase":               "no PackedSequence; torch's own cells, not cuDNN",
        "GroupNorm":             "weight and bias in the input's format, as on CUDA (torch on a CPU takes float32)",
        "LayerNorm":             "weight and bias in the input's format, as on CUDA (torch on a CPU takes float32)",
        "MaxPool1d":             "ceil_mode=True and return_indices=True are not computed",
        "MaxPool2d":             "ceil_mode=True and return_indices=True are not computed",
        "Module":                "a state_dict holds NumPy arrays; a load that fails changes nothing; no double(), "
                                 "compile(), hooks of state_dict, register_backward_hook (use the full one)",
        "MultiheadAttention":    "no add_bias_kv, add_zero_attn, kdim and vdim; no fused kernel in `eval`",
        "TransformerEncoderLayer": "no fused kernel in `eval`",
        "Unflatten":             "axes have no names",
        "Upsample":              "nearest, linear and bilinear",
    },
    "torch.nn.functional": {
        "avg_pool1d":            "ceil_mode=True is not computed",
        "avg_pool2d":            "ceil_mode=True is not computed",
        "embedding":             "no max_norm, scale_grad_by_freq and sparse",
        "interpolate":           "nearest, linear and bilinear, of sequences and images; no antialias",
        "max_pool1d":            "ceil_mode=True and return_indices=True are not computed",
        "max_pool2d":            "ceil_mode=True and return_indices=True are not computed",
        "normalize":             "orders 1, 2 and infinity",
        "pairwise_distance":     "orders 1, 2 and infinity",
        "triplet_margin_loss":   "orders 1, 2 and infinity",
        "upsample":              "nearest, linear and bilinear",
    },
    "torch.nn.utils": {
        "clip_grad_norm_":       "sums of powers are exact: CUDA's norm may differ by some ulps",
        "vector_to_parameters":  "a vector of another length is refused",
    },
    "torch.nn.init":             {},
    "torch.optim": {
        "Adagrad":               "foreach arithmetic, to the bit; fused=True is refused",
        "Adam":                  "foreach arithmetic, to the bit; fused=True, capturable=True are refused",
        "AdamW":                 "foreach arithmetic, to the bit; fused=True, capturable=True are refused",
        "Adamax":                "foreach arithmetic, to the bit; capturable=True is refused",
        "Optimizer":             "no hooks of steps and of state_dict; a load that fails changes nothing",
        "RMSprop":               "foreach arithmetic, to the bit; capturable=True is refused",
        "SGD":                   "foreach arithmetic, to the bit; fused=True is refused",
    },
    "torch.optim.lr_scheduler":  {},
    "torch.amp":                 {},
}
# fmt: on
