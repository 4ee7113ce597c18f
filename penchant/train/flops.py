"""Counted floating-point operations, for model FLOPs utilisation (MFU).

MFU = counted FLOPs of the steps done / (time x this machine's measured matrix-product peak).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

_attention = torch.ops.aten


def _forward(query: Any, key: Any, value: Any, *rest: Any, out_shape: Any = None, **named: Any) -> int:
    return sdpa_flop_count(query, key, value)


def _backward(grad: Any, query: Any, key: Any, value: Any, *rest: Any, out_shape: Any = None, **named: Any) -> int:
    return sdpa_backward_flop_count(grad, query, key, value)


#: The CPU attention kernels, which torch's own table leaves out.
CPU_ATTENTION = {
    _attention._scaled_dot_product_flash_attention_for_cpu: _forward,
    _attention._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}


def count_flops(run: Callable[[], object]) -> int:
    """FLOPs of whatever ``run`` does in torch: matrix products and attention, forward and backward."""
    with FlopCounterMode(display=False, custom_mapping=CPU_ATTENTION) as counter:
        run()
    return int(counter.get_total_flops())
