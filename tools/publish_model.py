"""Make a checkpoint ready to be handed on: the weights that a test uses, and what tells what they are; nothing else.

What only a training needs is left out: the optimizer, the schedules, the log, the weights that the moving average was
made of, and the parameters of the contrastive loss. The config, the classes and the epoch stay. The first digits of the
file's SHA-256 become part of its name.

Example:
    python tools/publish_model.py work_dirs/del_unav100/epoch_45.pth del_unav100.pth    # → del_unav100-1a2b3c4d.pth
"""

from __future__ import annotations

import argparse
import hashlib
import io
from pathlib import Path
from typing import Any

import torch
from mmengine.runner.checkpoint import CheckpointLoader

import mmdel
from mmdel.utils.command_line import require_checkpoint
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import written_whole
from mmdel.utils.run_command import run_command

KEPT_META = ('cfg', 'dataset_meta', 'epoch', 'iter', 'seed', 'mmengine_version')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('checkpoint', help='checkpoint file of a training')
    parser.add_argument('out', help='file to write, a .pth; -<hash> is put before the suffix')
    args = parser.parse_args()
    if Path(args.out).suffix != '.pth':
        raise UserInputError(f'{args.out}: the name of the file to write must end in .pth')
    checkpoint = CheckpointLoader.load_checkpoint(require_checkpoint(args.checkpoint), 'cpu', logger='silent')
    file = io.BytesIO()
    torch.save(publishable(checkpoint, args.checkpoint), file)
    digest = hashlib.sha256(file.getbuffer()).hexdigest()
    out = Path(args.out).with_name(f'{Path(args.out).stem}-{digest[:8]}.pth')
    if out.exists():
        raise UserInputError(f'{out} exists and is left alone')
    with written_whole(out, 'wb') as target:
        target.write(file.getbuffer())
    print(f'written: {out}, {out.stat().st_size / 1e6:.1f} MB of {Path(args.checkpoint).stat().st_size / 1e6:.1f} MB')


def publishable(checkpoint: dict[str, Any], path: str) -> dict[str, Any]:
    """What of a checkpoint is handed on. mmengine puts the averaged weights where a test looks, in ``state_dict``.

    Raises:
        UserInputError: If it is not a checkpoint of a training, or a weight is NaN or infinite.
    """
    weights, meta = checkpoint.get('state_dict'), checkpoint.get('meta')
    if not isinstance(weights, dict) or not isinstance(meta, dict):
        raise UserInputError(f'{path} is no checkpoint of a training: it has no state_dict or no meta')
    broken = [name for name, value in weights.items() if not torch.isfinite(value).all()]
    if broken:
        raise UserInputError(f'{path}: weights are NaN or infinite: {", ".join(broken[:3])}')
    kept = {name: meta[name] for name in KEPT_META if name in meta}
    return dict(meta={**kept, 'mmdel_version': mmdel.__version__}, state_dict=weights)


if __name__ == '__main__':
    run_command(main)
