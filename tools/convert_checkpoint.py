"""Rewrite a checkpoint of mmengine, or of an older mmdel, so that it is read again: its log as plain numbers.

The weights and all else stay as they are. The file is only read as data: it cannot run anything.

Example:
    python tools/convert_checkpoint.py work_dirs/old/epoch_45.pth work_dirs/old/epoch_45_converted.pth
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

import mmdel  # noqa: F401  the repairs of mmdel.compat come before anything is written
from mmdel.utils.checkpoints import reading, require_checkpoint
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.old_checkpoint import load_old_checkpoint
from mmdel.utils.run_command import run_command


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('out', help='file to write; it must not exist yet')
    args = parser.parse_args()
    if Path(args.out).exists():
        raise UserInputError(f'{args.out} exists and is left alone; name a new file')
    with reading(require_checkpoint(args.checkpoint)):
        checkpoint = load_old_checkpoint(args.checkpoint)
    with written_whole(args.out, 'wb') as file:
        torch.save(checkpoint, file)
    print('written:', args.out)


if __name__ == '__main__':
    run_command(main)
