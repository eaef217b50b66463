"""A training that can be stopped after any iteration, and goes on as if it had not been."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import torch
from mmengine.dist import all_gather_object, all_reduce, get_rank, get_world_size
from mmengine.optim import OptimWrapper
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from mmdel.engine.hooks.run_checkpoint_hook import RunCheckpointHook
from mmdel.registry import LOOPS
from mmdel.utils.errors import Interrupted
from mmdel.utils.random_states import get_random_states, set_random_states

SIGNALS = signal.SIGINT, signal.SIGTERM


@LOOPS.register_module()
class ResumableTrainLoop(EpochBasedTrainLoop):
    """mmengine's EpochBasedTrainLoop, which loses nothing when it is stopped; it needs a ``RunCheckpointHook``.

    - A first SIGINT or SIGTERM ends the training after the iteration that is under way, on all ranks, with a checkpoint
      of it. A second one ends the process at once. A validation that is under way is broken off if the epoch's
      checkpoint is written.
    - A training that is resumed from such a checkpoint goes on with the next batch. The batches of the epoch before it
      are loaded once more and left, then the random generators take the states that they had. With other batches or
      another number of processes, the epoch begins anew.
    - A validation that was due where the resumed checkpoint was written, and had not ended, is made up.

    Raises:
        Interrupted: If a signal has ended it.
    """

    _checkpoints: RunCheckpointHook | None = None
    _num_done = 0  # iterations of the epoch to come that were trained before
    _random_states: dict[str, Any] | None = None
    _signum = 0
    _validating = False

    def run(self) -> nn.Module:
        """The training."""
        hooks = (hook for hook in self.runner.hooks if isinstance(hook, RunCheckpointHook))
        self._checkpoints = next(hooks, None)
        with self._listening():
            self.runner.call_hook('before_train')
            if self._checkpoints is not None and self._checkpoints.resumed:
                self._pick_up(self._checkpoints.resumed)
            while self._epoch < self._max_epochs and not self.stop_training:
                self.run_epoch()
                self._stop_if_told()
                self._validate_if_due()
            self.runner.call_hook('after_train')
        return self.runner.model

    def run_epoch(self) -> None:
        """One epoch, or what is left of it."""
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        batches, num_done = iter(self.dataloader), self._num_done
        for _ in range(num_done):
            next(batches)
        if self._random_states is not None:
            set_random_states(self._random_states)
        self._num_done, self._random_states = 0, None
        for index, batch in enumerate(batches, num_done):
            self.run_iter(index, batch)
            if index + 1 < len(self.dataloader):
                self._stop_if_told(index + 1)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1

    def _pick_up(self, resumed: dict[str, Any]) -> None:
        """Goes to where the checkpoint was written."""
        states = resumed['random_states']
        if states is None:
            if not resumed['validated']:
                for key, value in (('epoch', self._epoch - 1), ('iter', self._iter - 1)):  # as after an epoch
                    self.runner.message_hub.update_info(key, value)
                self._validate_if_due()
        elif len(states) == get_world_size() and resumed['num_batches'] == len(self.dataloader):
            self._num_done, self._random_states = resumed['num_done'], states[get_rank()]
        else:
            self.runner.logger.warning(
                f'The checkpoint was written within epoch {self._epoch + 1}, with other batches or another number of '
                'processes: this epoch begins anew, from the weights of the checkpoint.'
            )

    def _validate_if_due(self) -> None:
        self._decide_current_val_interval()
        due = self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
        if self.runner.val_loop is not None and due and self._epoch >= max(self.val_begin, 1):
            self._validating = True
            self.runner.val_loop.run()
            self._validating = False

    def _stop_if_told(self, num_done: int = 0) -> None:
        """Ends the training if a rank was told to, unless gradients are being summed over several iterations.

        Args:
            num_done: Iterations of the epoch that are done; 0 between two epochs.
        """
        signum = torch.tensor(self._signum)
        if get_world_size() > 1:
            all_reduce(signum, 'max')
        wrapper = self.runner.optim_wrapper
        if not signum or (num_done and isinstance(wrapper, OptimWrapper) and not wrapper.should_update()):
            return
        states: list[dict] | None = all_gather_object(get_random_states()) if num_done else None
        if self._checkpoints is not None and self._checkpoints.written_iter != self._iter:
            self._checkpoints.write_interrupted(self.runner, num_done, states)
        raise self._interruption(int(signum))

    def _interruption(self, signum: int) -> Interrupted:
        path = self._checkpoints and self._checkpoints.last_ckpt
        where = f'stopped by {signal.Signals(signum).name} after iteration {self._iter} of {self._max_iters}'
        return Interrupted(signum, f'{where}: go on from {path} with --resume' if path else f'{where}, no checkpoint')

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Signals are noted. Only a main thread is told of any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {signum: signal.signal(signum, self._note) for signum in SIGNALS}
        try:
            yield
        finally:
            for signum, handler in before.items():
                signal.signal(signum, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self._signum:
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)
        self._signum = signum
        if self._validating and self._checkpoints is not None and self._checkpoints.written_iter == self._iter:
            raise self._interruption(signum)
