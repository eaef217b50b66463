"""The command ``mmdel``: its help comes at once and tells of all that there is; only what is called is imported."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

import mmdel_cli

ROOT = Path(__file__).resolve().parents[1]
NAMES = [name for group in mmdel_cli.GROUPS.values() for name in group]


def test_the_table_has_every_module_of_commands_and_each_has_its_help() -> None:
    assert sorted(NAMES) == sorted(p.stem for p in (ROOT / 'mmdel/commands').glob('*.py') if p.stem != '__init__')


def seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_help_comes_at_once_and_names_every_command() -> None:
    begin = seconds_of_children()
    code = 'import sys, mmdel_cli\ntry:\n    mmdel_cli.main(["--help"])\nfinally:\n    print(*sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0 and seconds_of_children() - begin < 0.5
    said, _, modules = done.stdout.rstrip().rpartition('\n')
    assert {'torch', 'numpy', 'mmdel', 'mmengine'}.isdisjoint(modules.split())
    assert all(f'\n  {name} ' in said for name in NAMES)
    examples = [line.split()[1] for line in said.splitlines() if line.startswith('    mmdel ')]
    assert len(examples) >= 10 and set(examples) <= set(NAMES)


@pytest.mark.parametrize('words', [[], ['trian', 'a.py'], ['__init__']])
def test_what_is_no_command_is_refused(words: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match='2'):
        mmdel_cli.main(words)
    assert 'COMMAND' in capsys.readouterr().err


@pytest.mark.parametrize('command', ['convert', 'detect', 'extract', 'overlay', 'report'])
def test_only_what_is_called_is_imported_and_torch_only_for_a_network(command: str) -> None:
    code = (
        f'import sys, mmdel_cli\ntry:\n    mmdel_cli.main(["{command}", "--help"])\nfinally:\n    print(*sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0 and f'usage: mmdel {command}' in done.stdout
    loaded = set(done.stdout.splitlines()[-1].split())
    assert {name for name in loaded if name.startswith('mmdel.commands.')} == {f'mmdel.commands.{command}'}
    assert {'torch', 'mmengine'}.isdisjoint(loaded)
