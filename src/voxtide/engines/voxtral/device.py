"""The device a model runs on. In: a requested device, or None. Out: a torch device, its kind of weights, free memory.

Errors name the defect of the machine and the remedy.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from voxtide.errors import ConfigError
from voxtide.voxtral.loading import DTYPES, Weights, check_weights

_NAMES = ("cuda", "mps", "cpu")
_SUITABLE: dict[str, Weights] = {"cuda": "bf16", "mps": "bf16", "cpu": "int8"}
"""On a CPU memory bandwidth limits a step: one byte per weight is the fastest, and takes the least memory."""


def choose_device(name: str | None) -> torch.device:
    """Choose a device by name, such as `cuda:1`; None for the best one.

    Raises:
        ConfigError: The device cannot be used; the message gives the reason and the remedy.
    """
    if name is None:
        return torch.device(next(kind for kind in _NAMES if _is_there(kind)))
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"there is no device {name!r}; choose one of {', '.join(_NAMES)}") from None
    if device.type not in _NAMES or not _is_there(device.type):
        raise ConfigError(f"device {name!r} cannot be used: {_why_not(device.type)}")
    num_devices = torch.cuda.device_count() if device.type == "cuda" else 1
    if (device.index or 0) >= num_devices:
        raise ConfigError(f"there is no device {name!r}: this machine has {num_devices} of type {device.type!r}")
    return device


def choose_weights(name: str | None, device: torch.device) -> Weights:
    """Choose the kind of weights; None for the best for the device.

    Raises:
        ConfigError: The kind is unknown, or the device does not support it.
    """
    if name is not None and name not in DTYPES:
        raise ConfigError(f"there are no weights {name!r}; choose one of {', '.join(DTYPES)}")
    chosen = next((known for known in DTYPES if known == name), _SUITABLE[device.type])
    check_weights(chosen, device)
    if chosen == "bf16" and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        if name is None:
            return "fp16"
        raise ConfigError(f"{device_name(device)} has no bf16; choose weights fp16 or fp32")
    return chosen


def device_name(device: torch.device) -> str:
    """The GPU's product name; another device's type."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def free_bytes(device: torch.device) -> int:
    """Free memory of a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return _half_of_memory()


def _half_of_memory() -> int:
    """The estimate where the system does not report free memory."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def _is_there(kind: str) -> bool:
    if kind == "cuda":
        return torch.cuda.is_available()
    return kind != "mps" or torch.backends.mps.is_available()


def _why_not(kind: str) -> str:
    if kind == "cuda" and torch.version.cuda is None:
        remedy = "install the build for your driver from pytorch.org, or choose cpu"
        return f"torch {torch.__version__} is built without CUDA; {remedy}"
    if kind == "cuda":
        remedy = "check nvidia-smi, or choose cpu"
        return f"torch is built for CUDA {torch.version.cuda}, but finds no GPU or driver; {remedy}"
    if kind == "mps":
        return "it needs a Mac with Apple silicon and a torch built for it; choose cuda or cpu"
    return f"choose one of {', '.join(_NAMES)}"
