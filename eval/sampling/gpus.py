"""Checks that PyTorch can use the GPUs that this process was given.

A build of PyTorch without CUDA sees no GPU and gives no warning.
"""

import os

import torch

from eval.files.errors import BadInput

VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"


def check_gpus() -> None:
    """Raises BadInput if this process was given GPUs and PyTorch sees none. It would run on the
    CPU, for days.
    """
    given = os.environ.get(VISIBLE_DEVICES, "").strip()
    if given in ("", "-1") or torch.cuda.is_available():
        return
    build = (
        ""
        if torch.version.cuda
        else ", a build without CUDA: pip install --force-reinstall 'torch==2.13.*'"
    )
    raise BadInput(
        f"{VISIBLE_DEVICES} gives this process GPUs ({given}), and PyTorch {torch.__version__} sees"
        f" none{build}. Run `make doctor` to find the cause, or set {VISIBLE_DEVICES}= (empty) to"
        " compute on the CPU"
    )
