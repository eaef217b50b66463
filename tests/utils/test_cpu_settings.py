"""Freed memory stays in the process, counted by the system's own page faults; and what commands set besides."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

# How many pages the system hands out for ten blocks of 64 MiB one after the other, behind one that is not counted.
FAULTS = """
import resource, sys
from mmdel.utils.cpu_settings import keep_freed_memory

print(keep_freed_memory() if sys.argv[1] == 'keep' else None)
for turn in range(11):
    if turn == 1:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    b'x' * 2**26
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != 'glibc', reason='memory is kept with glibc')


def run(what: str, **environment: str) -> tuple[str, int]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('MALLOC_', 'GLIBC_'))}
    command = [sys.executable, '-c', FAULTS, what]
    lines = subprocess.run(command, env=clean | environment, capture_output=True, text=True, check=True).stdout.split()
    return lines[0], int(lines[1])


def test_freed_memory_is_used_again():
    (kept, few), (_, many) = run('keep'), run('leave')
    assert kept == 'True'
    assert many > 1000
    assert few < many / 10


@pytest.mark.parametrize('name', ['GLIBC_TUNABLES', 'MALLOC_MMAP_THRESHOLD_'])
def test_the_environment_goes_first(name):
    assert run('keep', **{name: 'glibc.malloc.tcache_count=7' if name == 'GLIBC_TUNABLES' else '1000000'})[0] == 'False'


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ({}, ['4096', '10000']),
        (dict(ONEDNN_PRIMITIVE_CACHE_CAPACITY='7', GOMP_SPINCOUNT='8'), ['7', '8']),
        (dict(OMP_WAIT_POLICY='passive'), ['4096', 'None']),
    ],
)
def test_commands_do_it_before_torch_is_there(given, expected):
    script = """
import os, sys
import mmdel.utils.run_command as r
r.keep_freed_memory = lambda: print('torch' in sys.modules)
r.run_command(lambda: print(*map(os.environ.get, ['ONEDNN_PRIMITIVE_CACHE_CAPACITY', 'GOMP_SPINCOUNT'])))
"""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(('ONEDNN', 'GOMP', 'OMP_WAIT'))}
    run = subprocess.run([sys.executable, '-c', script], env=clean | given, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ['False', *expected]
