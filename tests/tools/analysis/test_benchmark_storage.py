import importlib.util


def test_every_installed_format_is_written_and_read(run_tool):
    done = run_tool('tools/analysis/benchmark_storage.py', '--num-videos', 3, '--num-steps', 8, '--repeats', 1)
    assert done.returncode == 0, done.stderr
    head, _, *lines = done.stdout.strip().splitlines()
    assert head == '3 videos, 0 MB; milliseconds a video'
    names = ['numpy', 'lmdb', 'h5py', 'zarr', 'safetensors']
    assert [line.split()[0] for line in lines] == [name for name in names if importlib.util.find_spec(name)]
    assert all(float(number) > 0 for line in lines for number in line.split()[1:])
