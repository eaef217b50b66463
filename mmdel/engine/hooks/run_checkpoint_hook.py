"""Checkpoints of one run: none is lost, and nothing of another is read or removed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner

from mmdel.registry import HOOKS
from mmdel.utils.checkpoints import checkpoint_folder, latest_checkpoint
from mmdel.utils.files import written_whole


@HOOKS.register_module()
class RunCheckpointHook(CheckpointHook):
    """mmengine's CheckpointHook, which loses nothing, keeps to its run's folder and never picks by the test's videos.

    mmengine removes old checkpoints before it writes the new one, and the new best one over the last. Here a file is
    written whole beside (``WholeFileBackend``), then ``last_checkpoint`` names it, then what is outdated is removed. A
    checkpoint knows what it makes outdated: if the run is killed before that is removed, a resumed one removes it. An
    epoch's checkpoint is written when its training ends, and again when its validation has ended.

    mmengine takes the paths of the best and the last checkpoint out of the checkpoint that it resumes from, and removes
    what is outdated. If that checkpoint belongs to another run, or the folder was moved or copied, these are files of
    somewhere else. Here a best checkpoint is the file of that name in this run's folder. If there is none, or the
    training goes on from another folder's checkpoint, the next validation begins a new count of the best.

    ``save_best`` has no effect where the test reads a subset that the validation reads, too: a checkpoint that was
    picked by the test's videos scores too high on them. A score that is NaN or infinite is never the best.

    Attributes:
        resumed: Of the checkpoint that was resumed: ``validated``, whether its validation has ended; if it was written
            within an epoch also ``num_done``, the iterations of it that were done, ``num_batches`` of an epoch, and the
            ``random_states`` of each rank. Empty if none was resumed.
        written_iter: Iterations after which the last checkpoint of this run was written, or the resumed one.
    """

    save_best: list[str] | None
    resumed: dict[str, Any]
    written_iter: int | None
    _outdated: list[str]  # names in the folder
    _random_states: list[dict] | None

    def before_run(self, runner: Runner) -> None:
        """Finds the checkpoint to resume from, if none is named.

        Raises:
            UserInputError: If there is none, though there are or were checkpoints.
        """
        self.resumed, self.written_iter, self._outdated, self._random_states = {}, None, [], None
        if runner._resume and runner._load_from is None:
            runner._load_from = latest_checkpoint(runner.work_dir, self.out_dir)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Takes the files of other folders out of what a resumed training will know."""
        if not runner._resume or 'message_hub' not in checkpoint:
            return
        folder, source = checkpoint_folder(runner.work_dir, self.out_dir), Path(runner._load_from)
        elsewhere = source.parent.resolve() != folder.resolve()
        meta = checkpoint['meta']
        self.resumed = dict(validated=False, num_done=0, num_batches=0, random_states=checkpoint.get('random_states'))
        self.resumed.update({key: meta[key] for key in self.resumed if key in meta})
        if not elsewhere:
            self.written_iter, self.last_ckpt = meta['iter'], str(source)
            self._outdated = [Path(str(name)).name for name in checkpoint.get('outdated', ())]
            self._outdated += [source.name] if self.resumed['random_states'] else []
        info = checkpoint['message_hub']['runtime_info']
        info['last_ckpt'] = str(source)
        info['keep_ckpt_ids'] = [step for step in info.get('keep_ckpt_ids', ()) if type(step) is int]  # a part of names
        forgotten = ['last_ckpt', 'keep_ckpt_ids'] if elsewhere else []
        for key in [key for key in info if key.startswith('best_ckpt')]:
            own = folder / Path(str(info[key])).name
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
        self._remove_outdated(runner)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float]) -> None:
        """Keeps the best, and writes the checkpoint again, which now knows of it and that the validation has ended."""
        better = self._better_scores(runner, metrics) if self.save_best and metrics else []
        step = runner.epoch if self.by_epoch else runner.iter
        meta = dict(epoch=runner.epoch, iter=runner.iter)
        if better and self.written_iter != runner.iter:
            self._save_checkpoint_with_step(runner, step, meta)  # so that a best one is never all that there is
        for key in better:
            self._write_best(runner, key, metrics[key], step)
        if self.written_iter == runner.iter:
            self._save_checkpoint_with_step(runner, step, dict(meta, validated=True))

    def write_interrupted(self, runner: Runner, num_done: int, random_states: list[dict] | None) -> None:
        """Writes a checkpoint to go on from: of every generator's state on every rank within an epoch, else None."""
        meta = dict(epoch=runner.epoch, iter=runner.iter, num_done=num_done, num_batches=len(runner.train_dataloader))
        if random_states is None:
            self._save_checkpoint_with_step(runner, runner.epoch, meta)
        else:
            self._random_states = random_states
            self._write(runner, f'iter_{runner.iter}.pth', meta)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Puts in what only this hook knows."""
        checkpoint['outdated'] = list(self._outdated)
        if self._random_states is not None:
            checkpoint['random_states'] = self._random_states

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        if self.max_keep_ckpts > 0 and step not in self.keep_ckpt_ids:
            if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
                self._outdated.append(self.filename_tmpl.format(self.keep_ckpt_ids.popleft()))
            self.keep_ckpt_ids.append(step)
            runner.message_hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        self._write(runner, self.filename_tmpl.format(step), meta)

    def _write(self, runner: Runner, name: str, meta: dict) -> None:
        """Writes a checkpoint to resume from, then names it, then removes what it makes outdated."""
        path = str(self.file_backend.join_path(self.out_dir, name))
        runner.message_hub.update_info('last_ckpt', path)
        runner.save_checkpoint(
            self.out_dir,
            name,
            file_client_args=self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self.last_ckpt, self.written_iter = path, meta['iter']
        if is_main_process():
            with written_whole(Path(runner.work_dir, 'last_checkpoint')) as file:
                file.write(path)
        self._remove_outdated(runner)

    def _better_scores(self, runner: Runner, metrics: dict[str, float]) -> list[str]:
        """The names of the scores to keep the best of that are better than before."""
        if 'auto' in self.key_indicators:
            self._init_rule(self.rules, [next(iter(metrics))])
        better = []
        for key in self.key_indicators:
            score, best = metrics[key], runner.message_hub.get_info(f'best_score{self._suffix(key)}')
            if score is not None and math.isfinite(score) and (best is None or self.is_better_than[key](score, best)):
                better.append(key)
        return better

    def _write_best(self, runner: Runner, key: str, score: float, step: int) -> None:
        hub, suffix = runner.message_hub, self._suffix(key)
        name = f'best_{key}_{self.filename_tmpl.format(step)}'.replace('/', '_')
        path, previous = str(self.file_backend.join_path(self.out_dir, name)), hub.get_info(f'best_ckpt{suffix}')
        hub.update_info(f'best_score{suffix}', score)
        hub.update_info(f'best_ckpt{suffix}', path)
        self._outdated += [Path(previous).name] if previous and previous != path else []
        if suffix:
            self.best_ckpt_path_dict[key] = path  # what mmengine would publish
        else:
            self.best_ckpt_path = path
        runner.save_checkpoint(
            self.out_dir,
            name,
            file_client_args=self.file_client_args,
            save_optimizer=False,
            save_param_scheduler=False,
            meta=dict(epoch=runner.epoch, iter=runner.iter),
            by_epoch=False,
            backend_args=self.backend_args,
        )
        unit = 'epoch' if self.by_epoch else 'iter'
        runner.logger.info(f'The best checkpoint with {score:0.4f} {key} at {step} {unit} is saved to {name}.')

    def _suffix(self, key: str) -> str:
        """Of the keys by which mmengine notes the best score and its checkpoint."""
        return f'_{key}' if len(self.key_indicators) > 1 else ''

    def _remove_outdated(self, runner: Runner) -> None:
        """Removes what a whole checkpoint has made outdated: files of the run's folder, whatever a checkpoint says."""
        info = runner.message_hub.runtime_info
        used = {Path(info[key]).name for key in info if key.startswith('best_ckpt')} | {Path(self.last_ckpt or '').name}
        for name in {*self._outdated} - used:
            path = self.file_backend.join_path(self.out_dir, name)
            if is_main_process() and name.endswith('.pth') and self.file_backend.isfile(path):
                self.file_backend.remove(path)
        self._outdated = [name for name in self._outdated if name in used]


def _common_subsets(cfg: Config) -> list[str]:
    """The subsets of one annotation file that both the validation and the test read."""
    datasets = [(cfg.get(f'{split}_dataloader') or {}).get('dataset') or {} for split in ('val', 'test')]
    if len({dataset.get('ann_file') for dataset in datasets}) > 1:
        return []
    subsets = [dataset.get('subset') or [] for dataset in datasets]
    val, test = ({names.lower()} if isinstance(names, str) else {name.lower() for name in names} for names in subsets)
    return sorted(val & test)
