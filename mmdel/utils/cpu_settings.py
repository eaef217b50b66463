"""What makes torch and numpy fast on a CPU, set for a whole process. It imports nothing that takes long."""

from __future__ import annotations

import ctypes
import os
import platform

# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
SINGLE_BYTES, KEPT_BYTES = 2**30, 2**31 - 1
NUM_KERNELS = 'ONEDNN_PRIMITIVE_CACHE_CAPACITY'
NUM_SPINS, WAIT_POLICY = 'GOMP_SPINCOUNT', 'OMP_WAIT_POLICY'


def keep_kernels() -> None:
    """Lets oneDNN keep 4,096 kernels instead of 1,024, unless the environment has a number.

    It makes one for each shape of each product in half precision, of which a training step has some two hundred, and
    making one takes longer than running it. So a training whose batches have more than five lengths would make them
    all anew in every step. To be called before the first kernel; one takes about a third of a MB.
    """
    os.environ.setdefault(NUM_KERNELS, '4096')


def wait_briefly() -> None:
    """Lets torch's threads sleep when they have waited for one another for a fifth of a millisecond, not for six.

    Until then they keep their cores busy. On cores that another process uses, too, the thread that they wait for may
    have none. By much shorter waits threads would be woken for most operations. To be called before torch is imported;
    the environment goes first.
    """
    if WAIT_POLICY not in os.environ:
        os.environ.setdefault(NUM_SPINS, '10000')


def keep_freed_memory() -> bool:
    """Keeps freed memory in this process, and in those forked from it, for the next array.

    glibc hands large blocks back to the system as soon as they are freed, and the system clears each page before it
    hands it out again. In a forward pass over a long video, whose arrays have tens of MB, that took two fifths of the
    time. Now blocks of up to 1 GiB stay, as long as no more than 2 GiB are free at the end of the heap.

    Returns:
        Whether it was set. It is not where the environment sets the allocator (``GLIBC_TUNABLES``, ``MALLOC_…_``), and
        where there is another C library.
    """
    is_set = 'GLIBC_TUNABLES' in os.environ or any(name.startswith('MALLOC_') for name in os.environ)
    if is_set or platform.libc_ver()[0] != 'glibc':
        return False
    settings = ((M_MMAP_THRESHOLD, SINGLE_BYTES), (M_TRIM_THRESHOLD, KEPT_BYTES))
    return all(ctypes.CDLL(None).mallopt(*setting) for setting in settings)
