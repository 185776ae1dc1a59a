"""Kernels for a GPU, written with JAX' Pallas; imported only where Keras runs on JAX."""

from typing import Any

import jax

try:
    from jax.experimental.pallas import triton
except ImportError:  # JAX has announced to take it away
    triton = None

_DTYPES = ("bfloat16", "float16")
_LEAST_CAPABILITY = 8.0
"""Of an NVIDIA GPU that multiplies bfloat16."""
_ROOMY = (9.0, 12.0)
"""From, and below: capabilities of GPUs with 228 KB of shared memory for each group of cores."""


def has_kernels(dtype: Any) -> bool:
    """Whether they compute tensors of this type: in 16 bits, on one GPU, as XLA could not share them out among several.

    Args:
        dtype: of a tensor or a layer, or its name.
    """
    if triton is None or dtype not in _DTYPES or jax.default_backend() != "gpu" or jax.device_count() > 1:
        return False
    return _capability() >= _LEAST_CAPABILITY


def is_roomy() -> bool:
    """Whether there is shared memory for kernels that read far ahead."""
    return _ROOMY[0] <= _capability() < _ROOMY[1]


def compiler_options(num_warps: int, num_stages: int = 1) -> dict[str, Any]:
    """Arguments of `pallas_call`.

    Args:
        num_warps: of 32 threads, of each program.
        num_stages: of a loop that are in work at the same time: what is read ahead lies in shared memory.
    """
    return {} if triton is None else {
        "compiler_params": triton.CompilerParams(num_warps=num_warps, num_stages=num_stages)}


def _capability() -> float:
    """Of an NVIDIA GPU; 0 for others."""
    capability = getattr(jax.devices()[0], "compute_capability", "")
    return float(capability) if capability.replace(".", "").isdigit() else 0.0
