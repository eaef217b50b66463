import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_times_of_inference_and_of_steps_with_and_without_the_loss_are_printed():
    command = [sys.executable, 'tools/analysis/benchmark_step.py', 'configs/del_demo.py', '--num-steps', '20']
    done = subprocess.run([*command, '--repeats', '1'], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    _, inference, without, with_loss, ratio = [
        float(line.removesuffix(' s').split()[-1]) if index else line
        for index, line in enumerate(done.stdout.strip().splitlines())
    ]
    assert min(inference, without, with_loss) > 0
    # One repeat: the median of the ratios is that of the two, each printed to a millisecond.
    assert re.search(r'^ratio', done.stdout, re.MULTILINE)
    assert (
        (with_loss - 0.0005) / (without + 0.0005) - 0.001 <= ratio <= (with_loss + 0.0005) / (without - 0.0005) + 0.001
    )
