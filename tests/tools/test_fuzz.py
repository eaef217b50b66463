"""The campaigns of tools/fuzz.py in short, and that it sees what they look for."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import time
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / 'tools/fuzz.py'


@pytest.fixture(scope='module')
def fuzz():
    pytest.importorskip('lmdb')
    spec = importlib.util.spec_from_file_location('fuzz', PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_case_of_any_campaign_fails(fuzz, tmp_path):
    for name in fuzz.CAMPAIGNS:
        counts, said = fuzz.run(name, range(80), 0, tmp_path)
        assert not counts['failed'] and counts.total() == 80, '\n'.join(said)
        assert counts['done'] > 2 and (counts['refused'] > 2 or name in fuzz.COMPUTING), (name, counts)


def _number(rng):
    return int(rng.integers(1000))


def test_what_fails_is_counted_and_told_with_its_number(fuzz, tmp_path, monkeypatch):
    def fail(rng, folder):
        match _number(rng) % 5:
            case 0:
                raise ValueError('wrong')
            case 1:
                os.kill(os.getpid(), signal.SIGKILL)
            case 2 if _number(rng) < 400:
                time.sleep(60)
            case 3:
                return 'refused'
            case 4 if _number(rng) < 400:
                raise KeyboardInterrupt
        return 'done'

    monkeypatch.setattr(fuzz, 'MAX_SEC', 0.5)
    monkeypatch.setitem(fuzz.CAMPAIGNS, 'failing', fail)
    counts, said = fuzz.run('failing', range(20, 50), 3, tmp_path)
    assert counts.total() == 30 and all(counts[name] for name in ('done', 'refused', 'failed'))
    assert len(said) == counts['failed']
    reasons = {text.partition(': ')[2].strip() for text in said}
    assert reasons >= {'ended its process: -9', 'ended its process: 1', 'took too long'}
    for text in said:  # each alone fails again, in the same way
        number = int(re.match(r'failing, case (\d+): ', text)[1])
        again, (same,) = fuzz.run('failing', range(number, number + 1), 3, tmp_path)
        assert again['failed'] == 1 and same.splitlines()[-1] == text.splitlines()[-1]
