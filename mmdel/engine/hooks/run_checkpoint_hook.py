"""Checkpoints of one run: nothing of another is read or removed."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmdel.registry import HOOKS
from mmdel.utils.errors import UserInputError


@HOOKS.register_module()
class RunCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, which keeps to the folder of its run and picks nothing by the videos of the test.

    mmengine takes the paths of the best and the last checkpoint out of the checkpoint that it resumes from, and removes
    what is outdated. If that checkpoint belongs to another run, or the folder was moved or copied, these are files of
    somewhere else. Here a best checkpoint is the file of that name in this run's folder. If there is none, or the
    training goes on from another folder's checkpoint, the next validation begins a new count of the best.

    ``save_best`` has no effect where the test reads a subset that the validation reads, too: a checkpoint that was
    picked by the test's videos scores too high on them.
    """

    save_best: list[str] | None

    def before_run(self, runner: Runner) -> None:
        """Finds the checkpoint to resume from, if none is named: the one beside ``last_checkpoint``.

        Raises:
            UserInputError: If it is not there.
        """
        if not runner._resume or runner._load_from is not None or self.out_dir is not None:
            return
        record = Path(runner.work_dir, 'last_checkpoint')
        if not record.is_file():
            return  # mmengine says that there is none, and begins with the first epoch
        checkpoint = Path(runner.work_dir, Path(record.read_text(encoding='utf-8').strip()).name)
        if not checkpoint.is_file():
            raise UserInputError(
                f'{record} names {checkpoint.name}, which is not beside it; name a file: --resume PATH'
            )
        runner._load_from = str(checkpoint)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes the files of other folders out of what a resumed training will know."""
        if not runner._resume or 'message_hub' not in checkpoint:
            return
        folder = Path(self.out_dir, Path(runner.work_dir).name) if self.out_dir else Path(runner.work_dir)
        source = Path(runner._load_from or folder / 'last_checkpoint').parent
        elsewhere = source.resolve() != folder.resolve()
        info = checkpoint['message_hub']['runtime_info']
        forgotten = ['last_ckpt', 'keep_ckpt_ids'] if elsewhere else ['last_ckpt']
        for key in [key for key in info if key.startswith('best_ckpt')]:
            own = folder / Path(info[key]).name
            if elsewhere or not own.exists():
                runner.logger.info(f'{info[key]} is not of this run: the next best checkpoint is one of its own.')
                forgotten += [key, key.replace('best_ckpt', 'best_score')]
            else:
                info[key] = str(own)
        for key in forgotten:
            info.pop(key, None)
            checkpoint['message_hub']['resumed_keys'].pop(key, None)

    def before_train(self, runner: Runner) -> None:
        """Turns ``save_best`` off where it would pick by the videos of the test."""
        if self.save_best and (subsets := _common_subsets(runner.cfg)):
            runner.logger.info(
                f'No best checkpoint is kept: the validation reads the subset {"+".join(subsets)}, and so does the '
                'test, on which a checkpoint that was picked by it would score too high.'
            )
            self.save_best = None
        super().before_train(runner)


def _common_subsets(cfg: Config) -> list[str]:
    """The subsets of one annotation file that both the validation and the test read."""
    datasets = [(cfg.get(f'{split}_dataloader') or {}).get('dataset') or {} for split in ('val', 'test')]
    if len({dataset.get('ann_file') for dataset in datasets}) > 1:
        return []
    subsets = [dataset.get('subset') or [] for dataset in datasets]
    val, test = ({names.lower()} if isinstance(names, str) else {name.lower() for name in names} for names in subsets)
    return sorted(val & test)
