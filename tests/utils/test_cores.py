import os
import subprocess
import sys

import pytest

from mmdel.utils.cores import num_cores


@pytest.mark.skipif(not hasattr(os, 'sched_setaffinity'), reason='this system binds no process to cores')
def test_cores_that_the_process_is_kept_from_do_not_count():
    assert 1 <= num_cores() <= os.cpu_count()
    code = 'import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})'
    code += '; from mmdel.utils.cores import num_cores; print(num_cores())'
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout == '1\n'


def test_systems_without_such_bonds_count_all(monkeypatch):
    monkeypatch.delattr(os, 'sched_getaffinity', raising=False)
    monkeypatch.setattr(os, 'cpu_count', lambda: 5)
    assert num_cores() == 5
    monkeypatch.setattr(os, 'cpu_count', lambda: None)
    assert num_cores() == 1
