"""Memory after loading. In: nothing. Out: freed memory, given back to the system. Knows no models."""

from __future__ import annotations

import ctypes
import sys


def give_back_free_memory() -> None:
    """Hand back what the C library keeps of freed memory. Elsewhere than on Linux with glibc it does nothing.

    Building a model's graphs passes its weights through several short-lived copies; glibc would keep 60 MB of them.
    """
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(ctypes.c_size_t(0))
