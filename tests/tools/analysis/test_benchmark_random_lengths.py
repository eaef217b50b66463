import json

import pytest

TOOL = 'tools/analysis/benchmark_random_lengths.py'
OPTIONS = ('--steps', 20, 60, '--divisor', 16, '--num-batches', 4, '--format', 'float32')


def test_each_setting_is_a_process_with_one_more_than_the_one_before(tiny_config, run_tool_here, monkeypatch):
    """The processes are looked at instead of waited for; one of them, run here, measures."""
    calls = []

    def run(command, env, **kwargs):
        calls.append((command[-2:], env.get('ONEDNN_PRIMITIVE_CACHE_CAPACITY'), env.get('GLIBC_TUNABLES')))
        return type('Done', (), dict(stdout=f'[{100 - 20 * len(calls)}, 500.0]\n'))

    monkeypatch.setattr('subprocess.run', run)
    monkeypatch.setenv('MALLOC_ARENA_MAX', '1')
    monkeypatch.setenv('ONEDNN_PRIMITIVE_CACHE_CAPACITY', '5')
    done = run_tool_here(TOOL, tiny_config, *OPTIONS)
    assert done.returncode == 0, done.stderr
    default = 'glibc.malloc.tcache_count=7'
    assert calls == [
        (['--row', '0'], '1024', default),
        (['--row', '1'], '1024', default),
        (['--row', '2'], None, default),
        (['--row', '3'], None, None),
    ]
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in done.stdout.splitlines() if '|' in line]
    assert [row[1:] for row in rows[1:]] == [[str(ms), f'{ms / 80:.2f}', '500'] for ms in (80, 60, 40, 20)]


@pytest.mark.parametrize('row', [0, 1])
def test_a_row_measures_steps_of_random_lengths(row, tiny_config, run_tool_here, monkeypatch):
    seen = []
    from mmdel.models.backbones import EventAlignedBackbone

    forward = EventAlignedBackbone.forward

    def watched(self, batch):
        seen.append(batch.mask.shape[1])
        return forward(self, batch)

    monkeypatch.setattr(EventAlignedBackbone, 'forward', watched)
    done = run_tool_here(TOOL, tiny_config, *OPTIONS, '--row', row)
    assert done.returncode == 0, done.stderr
    ms, peak_mb = json.loads(done.stdout.splitlines()[-1])
    assert ms > 0 and peak_mb > 50
    assert len(seen) == 4 and len(set(seen)) > 1 and all(20 <= num <= 64 for num in seen)
    assert all(num % 16 == 0 for num in seen) == bool(row)
