"""What to use in place of torch's names that are not here, and how those that are here differ from torch's.

Of torch.nn, torch.optim and the like, `simfp.differences` has every name; here is the rest, in families: patterns are
those of `fnmatch`, the first row that fits says what to use, and a name that ends in an underscore is looked up without
it, too.
"""

from __future__ import annotations

__all__ = ["DEFAULTS", "DIFFERENCES", "HINTS"]

NUMPY = "compute it in NumPy of x.detach().numpy(), and give the result to torch.tensor; no gradient passes"
UFUNC = "NumPy's function of that name takes x.detach().data, an Array, and rounds once; no gradient passes"
ONE_DEVICE = "there is one device, and nothing to choose; torch.cuda has what scripts ask of it"
COMPLEX = "there are no complex numbers here; keep real and imaginary parts as two tensors"
SPARSE = "tensors are dense here: a mask and torch.where, or torch.nn.functional.embedding, pick values"
QUANTIZED = "formats take the place of quantized types: x.to(torch.float8_e4m3fn), or any simfp.Format"
COMPILER = "nothing is compiled or traced: torch.compile gives back what it is given, simfp.Trace tells what ran"
STORAGE = "a tensor's values are x.data, an Array; new ones are made by torch.tensor(data, dtype=...)"
INTERNAL = "an inner part of torch; the function or module that scripts call has its own name"
FUNCTIONAL = "torch.nn.functional has it"
PROCESSES = "there is one process: use the model itself, and the batches one after the other"

# fmt: off
HINTS: tuple[tuple[str, str, str], ...] = (
    # where            names                                                                        what to use
    ("torch Tensor",   "double float64",
     "float32: simfp's formats have at most 24 bits' precision"),
    ("torch Tensor",   "complex* cfloat cdouble chalf angle conj conj_* imag real polar view_as_complex* view_as_real* "
                       "resolve_conj resolve_neg is_conj is_neg isreal adjoint H mH sgn is_complex", COMPLEX),
    ("torch",          "uint1 uint2 uint3 uint4 uint5 uint6 uint7 uint16 uint32 uint64 int1 int2 int3 int4 int5 "
                       "int6 int7 bit bits*", "integers are uint8, int8, int16, int32 and int64"),
    ("torch",          "float4_e2m1fn_x2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu",
     "float8_e4m3fn and float8_e5m2; formats beyond torch's are in simfp: simfp.Format makes any"),
    ("torch",          "set_default_tensor_type", "name dtype where a tensor is made; the default is float32"),
    ("torch Tensor",   "sparse* *col_indices* *row_indices* *crow_indices* indices indices_copy values_copy coalesce "
                       "is_coalesced is_sparse* to_sparse* to_dense dense_dim smm sspaddmm hsmm dsmm spmm hspmm saddmm "
                       "jagged nested is_nested to_padded_tensor to_mkldnn resize_as_sparse sparse_dim", SPARSE),
    ("torch Tensor",   "qint* quint* q_* qscheme quantize* quantized* fake_quantize* dequantize fbgemm_* int_repr "
                       "choose_qparams* per_tensor_* per_channel_* fused_moving* quantization is_quantized ao",
     QUANTIZED),
    ("torch",          "*Type *TypeBuilder JITException *Logger* LoggerBase AliasDb Argument* Benchmark* Block "
                       "CallStack Capsule Code CompilationUnit CompleteArgumentSpec Deep* Deserialization* "
        "Dispatch* Disable* "
                       "ErrorReport Exclude* ExecutionPlan FileCheck FunctionSchema Future Gradient Graph* "
        "IODescriptor "
                       "LiteScript* ModuleDict Node Operator* ParameterDict BufferDict PyTorchFile* Script* "
                       "Serialization* StaticModule Sym* sym_* ThroughputBenchmark TracingState Type Use Value "
                       "AggregationType AVG SUM Tag jit export fx compiler library ops classes vmap func functorch "
                       "fork wait cond while_loop parse_* import_ir* merge_type* unify_type* package overrides "
                       "return_types cpp autocast_mode masked signal utils_internal onnx", COMPILER),
    ("torch",          "distributed multiprocessing monitor", PROCESSES),
    ("torch",          "cpu mps mtia xpu accelerator Stream Event Device* get_device get_device_module "
                       "is_vulkan_available hub compiled_with_cxx11_abi has_* version backends_internal "
                       "AcceleratorError OutOfMemoryError FatalError thread_safe_generator", ONE_DEVICE),
    ("Tensor",         "is_xpu is_mps is_ipu is_maia is_mtia is_meta is_mkldnn is_vulkan is_xla ipu xpu mtia "
                       "is_distributed record_stream", ONE_DEVICE),
    ("torch Tensor",   "*Storage StorageBase storage storage_* is_storage untyped_storage *_ptr set_ share_memory "
                       "is_shared is_set_to resize resize_as as_strided* empty_strided new_empty_strided "
                       "empty_permuted new stride layout dim_order *Tensor UntypedStorage memory_format channels_last* "
                       "legacy_contiguous_format from_dlpack to_dlpack from_file frombuffer module_load as_subclass "
                       "name names reinforce volatile output_nr grad_dtype slice_inverse", STORAGE),
    ("torch",          "get_autocast_* set_autocast_* is_autocast_* autocast_* clear_autocast_cache",
     "torch.autocast, torch.get_autocast_dtype and torch.is_autocast_enabled"),
    ("torch",          "*anomaly*",
     "simfp.Census and simfp.Trace name the operation that made the first infinity or NaN"),
    ("torch",          "profiler* ", "time.perf_counter around the step; simfp.Trace tells which operations ran"),
    ("torch Tensor",   "linalg cholesky* det slogdet logdet inverse pinverse svd* qr eig lobpcg lstsq lu lu_* "
        "matrix_exp "
                       "matrix_power matrix_rank solve symeig triangular_solve geqrf orgqr ormqr nuclear_norm kron "
                       "pca_lowrank cdist pdist dist cov corrcoef trapezoid trapz cumulative_trapezoid vander "
                       "chain_matmul linalg_* householder* block_diag cartesian_prod combinations", NUMPY),
    ("torch Tensor",   "fft stft istft *_window signal", NUMPY),
    ("torch Tensor",   "acos* acosh* arccos* asin* arcsin* atan* arctan* cosh* sinh* tan arcsinh arctanh arccosh "
                       "copysign frexp hypot ldexp logaddexp logaddexp2 nextafter fmax fmin heaviside float_power "
                       "deg2rad rad2deg gcd lcm sinc nan_to_num signbit exp2 log2 log10", UFUNC),
    ("torch Tensor",   "digamma erfc erfinv i0 igamma* lgamma mvlgamma polygamma special logit bernoulli_ cauchy "
                       "exponential geometric log_normal logcumsumexp xlogy", NUMPY),
    ("torch",          "bilinear *_loss conv1d conv2d conv3d conv_* convolution cosine_similarity dropout *dropout "
                       "embedding* *_norm *_pool1d *_pool2d *_pool3d *_pool*_with_indices pairwise_distance pixel_* "
                       "prelu rrelu selu celu hardshrink threshold channel_shuffle constant_pad_nd grid_sampler* "
                       "affine_grid_generator kl_div instance_norm binary_cross_entropy_with_logits",
     "torch.nn.functional, as far as it has it"),
    ("torch",          "gru* lstm* rnn_* ", "torch.nn has LSTM and GRU as modules"),
    ("torch",          "cudnn_* mkldnn_* miopen_* native_* batch_norm_* *_copy *_backward* norm_except_dim unsafe_* "
                       "segment_reduce hash_tensor nonzero_static init_num_threads is_same_size binomial "
                       "functional is_inference quasirandom serialization torch_version types typename windows "
                       "utils sys_internal Use* USE_* PRIVATE_OPS prepare_* get_file_path classproperty "
                       "*_interop_threads get_deterministic_debug_mode set_deterministic_debug_mode "
                       "is_deterministic_algorithms_warn_only_enabled *warn_always* set_flush_denormal testing "
                       "can_cast promote_types result_type", INTERNAL),
    ("torch",          "random", "torch.manual_seed, torch.get_rng_state and torch.set_rng_state"),
    ("torch",          "distributions", "torch.randn, torch.rand, torch.bernoulli and torch.multinomial draw numbers"),
    ("torch Tensor",   "addbmm addr baddbmm addmv dsplit hsplit vsplit tensor_split swapdims rot90 fliplr flipud "
        "put take "
                       "take_along_dim unfold unflatten *_scatter scatter_reduce index_* masked_scatter cummax cummin "
                       "kthvalue mode msort nanmean nanmedian nansum nanquantile quantile histc histogram* "
                       "renorm bucketize searchsorted isin unique_consecutive unravel_index tril_indices triu_indices "
                       "bitwise_left_shift bitwise_right_shift atleast_* aminmax argwhere diag_embed diagflat "
                       "diagonal* fill_diagonal gradient cross narrow_copy slogdet sum_to_size to_padded",
     "write it in operations that are here (indexing, where, gather, cat, sum), or compute it in NumPy"),
    ("torch.nn",       "parallel", PROCESSES),
    ("torch.nn",       "intrinsic qat quantizable quantized", QUANTIZED),
    ("torch.nn",       "grad common_types modules attention", INTERNAL),
    ("torch.nn.functional", "*_notes BroadcastingList* GRID_SAMPLE_* grad", INTERNAL),
    ("torch.nn.utils", "rnn", "batches of one length, or torch.nn.functional.pad and a mask"),
    ("torch.nn.utils", "*", INTERNAL),
    ("torch.optim",    "swa_utils", "an average of weights takes a line under no_grad: ema.lerp_(p, 1 - decay)"),
    ("torch.amp",      "custom_fwd custom_bwd autocast_mode grad_scaler",
     "operations of one's own are made of simfp's, which autocast knows"),
    ("torch.autograd", "backward", "loss.backward(gradient), one loss after the other with retain_graph=True"),
    ("torch.autograd", "Function", "operations of one's own are made of simfp's, whose gradients are known"),
    ("torch.autograd", "grad functional gradcheck gradgradcheck hessian jacobian",
     "loss.backward() and .grad; simfp.autograd.checking compares with differences; no gradients of gradients"),
    ("torch.autograd", "*anomaly* profiler",
     "simfp.Census and simfp.Trace name the operation that made the first infinity or NaN"),
    ("torch.cuda",     "Event Stream stream current_stream default_stream nvtx graph* CUDAGraph make_graphed_callables",
     "time.perf_counter around the step: nothing is left running when a function returns"),
    ("torch.utils",    "checkpoint",
     "call the function itself: what a step keeps in memory is nobody's concern at these sizes"),
    ("torch.utils",    "tensorboard", "keep the numbers in lists, or write them by csv"),
    ("torch.utils.data", "*Distributed* distributed *DataPipe* *DataPipe functional_datapipe *decorator* "
                       "runtime_validation* *type* _*", "Dataset, IterableDataset and DataLoader"),
)

DEFAULTS: dict[str, str] = {  # where no row fits
    "torch":  "it is not here; compute it in NumPy of x.detach().numpy(), or write it in operations that are here",
    "Tensor": "it is not here; compute it in NumPy of x.detach().numpy(), or write it in operations that are here",
    "torch.cuda": "it is not here: there is one device, nothing lies on it, and nothing has to be awaited",
    "torch.amp": "it is not here: an inner part of torch",
    "torch.autograd": "it is not here: an inner part of torch",
    "torch.utils.data": "it is not here; Dataset, IterableDataset and DataLoader are",
}
ELSEWHERE = "it is not here; write it in operations that are here"

DIFFERENCES: dict[tuple[str, str], str] = {  # (where, name) -> how
    ("torch", "Generator"):       "NumPy's PCG64: the numbers are not torch's",
    ("torch", "manual_seed"):     "one generator for all devices; the numbers are not torch's",
    ("torch", "get_rng_state"):   "37 bytes, of NumPy's PCG64",
    ("torch", "set_rng_state"):   "takes what get_rng_state gave; not torch's states",
    ("torch", "rand"):            "not torch's numbers",
    ("torch", "randn"):           "not torch's numbers",
    ("torch", "randint"):         "not torch's numbers",
    ("torch", "randperm"):        "not torch's numbers",
    ("torch", "bernoulli"):       "not torch's numbers",
    ("torch", "multinomial"):     "not torch's numbers",
    ("torch", "normal"):          "not torch's numbers",
    ("torch", "empty"):           "zeros: nothing is left to what the memory held",
    ("torch", "empty_like"):      "zeros: nothing is left to what the memory held",
    ("torch", "from_numpy"):      "a copy; float64 becomes float32",
    ("torch", "tensor"):          "float64 becomes float32",
    ("torch", "as_tensor"):       "float64 becomes float32; a NumPy array is copied",
    ("torch", "arange"):          "computed in float64, rounded once",
    ("torch", "linspace"):        "computed in float64, rounded once",
    ("torch", "logspace"):        "computed in float64, rounded once",
    ("torch", "save"):            "a zip of JSON and arrays, no pickle; torch does not read it",
    ("torch", "load"):            "reads what save wrote, and no pickle, nor torch's own files",
    ("torch", "compile"):         "gives back what it is given",
    ("torch", "Size"):            "a tuple",
    ("torch", "dtype"):           "a pair of classes, Format and IntegerType, for isinstance",
    ("torch", "inference_mode"):  "as no_grad: its tensors may be used anywhere later",
    ("torch", "set_float32_matmul_precision"): "kept; products of float32 are carried in float32 whatever it is",
    ("torch", "set_default_dtype"): "takes float32 only",
    ("torch", "device"):          "a name: there is one device, which cpu and cuda both mean",
    ("torch", "set_num_threads"): "taken; nothing depends on it",
    ("torch", "autocast"):        "has `accumulator` too: what carries sums of products",
    ("torch.amp", "autocast"):    "has `accumulator` too: what carries sums of products",
    ("torch", "backends"):        "switches are kept, and change nothing",
    ("torch", "cuda"):            "one device, always there; memory is 0",
    ("torch.utils.data", "DataLoader"): "runs in this process whatever num_workers is",
    ("torch.utils.data", "get_worker_info"): "None: there are no workers",
    ("torch.utils.data", "default_collate"): "Python's floats make float32",
    ("torch.nn", "Dropout"):      "not torch's numbers",
    ("torch.nn.functional", "dropout"): "not torch's numbers; has `rng`",
    ("Tensor", "data"):           "an Array (a Tensor of integers), with torch's methods",
    ("Tensor", "grad"):           "an Array, with torch's methods; what is so of its values is a NumPy array",
    ("Tensor", "numpy"):          "a copy; needs no .cpu()",
    ("Tensor", "backward"):       "no create_graph: there are no gradients of gradients",
}
# fmt: on
