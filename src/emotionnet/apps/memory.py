"""How the C library of a command's process treats memory that is free again."""

from __future__ import annotations

import contextlib
import ctypes
import os

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
LARGEST = 2**30  # bytes


def keep_freed_memory() -> None:
    """Let glibc use blocks of up to `LARGEST` again, which else go back to the kernel whenever they are free.

    A network on the CPU asks for blocks of the same sizes step after step, and the kernel clears each of them
    anew: without this a fourth to a half of the time of features and training. Nothing happens where the C
    library is another one. Arrow takes its memory there too, unless it is imported already or
    $ARROW_DEFAULT_MEMORY_POOL says something else: its own pool gives back what the next piece needs again.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    with contextlib.suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST)
        library.mallopt(M_TRIM_THRESHOLD, LARGEST)


def give_back_memory() -> None:
    """Let glibc give the kernel what is free: after something large, in a process that goes on."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
