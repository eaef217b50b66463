"""Running a command so that what a user can mend ends in one message. It imports nothing that takes long."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import re
import select
import signal
import sys
import warnings
from collections.abc import Callable

from mmdel.utils.cpu_settings import keep_freed_memory, keep_kernels, wait_briefly
from mmdel.utils.errors import Interrupted, UserInputError

EXIT_STATUS_USER_INPUT = 2  # argparse's own status for a wrong command line
LOST_RANK = 'another process of this run has ended, and so does this one; go on with --resume'
HANDLE_ERROR = logging.Handler.handleError


def run_command(main: Callable[[], None]) -> None:
    """Run ``main``; what a user can mend ends in one message on stderr and exit status 2.

    What a signal ends has 128 and its number as exit status, and one message, too. It ends without a word once nobody
    reads its output any more, as in ``… | head``.
    """
    warnings.filterwarnings(
        'ignore', 'Fail to import ``MultiScaleDeformableAttention``'
    )  # mmcv-lite's; no model has it
    warnings.filterwarnings('ignore', 'Detected call of `scheduler.step')  # the first of several batches of a step
    keep_freed_memory()
    keep_kernels()
    wait_briefly()
    logging.Handler.handleError = _raise_broken_pipe  # type: ignore[assignment,method-assign]
    try:
        main()
        _end_talk()
    except KeyboardInterrupt as error:
        signum = error.signum if isinstance(error, Interrupted) else signal.SIGINT
        if _is_main_process():
            print(str(error) or f'stopped by {signal.Signals(signum).name}', file=sys.stderr)
        _end_talk()
        sys.exit(128 + signum)
    except BrokenPipeError:
        if not _reader_left():
            raise
        sys.exit(128 + signal.SIGPIPE)
    except Exception as error:
        message = _user_message(error)
        if message is None:
            raise
        if message == LOST_RANK and 'TORCHELASTIC_RUN_ID' in os.environ:
            os._exit(1)  # its launcher says which
        print(f'error: {message}', file=sys.stderr)
        sys.exit(EXIT_STATUS_USER_INPUT)
    finally:
        _end_workers()
        try:
            sys.stdout.flush()
        except BrokenPipeError:  # so that Python, which flushes when it ends, does not stumble
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_main_process() -> bool:
    if 'mmengine' not in sys.modules:
        return True
    from mmengine.dist import is_main_process

    return is_main_process()


def _end_workers() -> None:
    """Ends the data workers that loops have kept for a next epoch.

    They heed no signal (``mmdel.begin_worker``), so that Python, which waits for them, would not end. Whether their
    loader is forgotten by then is not certain: runner, loops and hooks know one another.
    """
    loading = sys.modules.get('torch.utils.data.dataloader')
    if loading is not None:
        for item in gc.get_objects():
            if type(item) is loading._MultiProcessingDataLoaderIter:
                item._shutdown_workers()


def _end_talk() -> None:
    torch = sys.modules.get('torch')
    if torch is not None and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # at the interpreter's end its threads may abort the process


def _raise_broken_pipe(handler: logging.Handler, record: logging.LogRecord) -> None:
    """What the log cannot write ends the tool as what ``print`` cannot; else it is told as Python does."""
    if isinstance(sys.exc_info()[1], BrokenPipeError):
        raise
    HANDLE_ERROR(handler, record)


def _reader_left() -> bool:
    """Whether stdout is a pipe that nobody reads: not each broken pipe is this one."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _user_message(error: Exception) -> str | None:
    """What to tell the user about an error, or None if it is a fault of the program."""
    text = str(error)
    if isinstance(error, UserInputError):
        # From a data loader's worker process the message arrives behind a printed traceback.
        return text.rsplit(f'{type(error).__name__}: ', maxsplit=1)[-1].rstrip()
    if isinstance(error, pickle.UnpicklingError):
        from mmdel.utils.checkpoints import why_refused

        return f'the checkpoint {why_refused(error)}'
    if isinstance(error, RuntimeError) and (worker := re.search(r'DataLoader worker \(pid\S* ([\d, ]+)\)', text)):
        signal_name = re.search(r'by signal: (.+?)\.', text)
        how = f'by a signal ({signal_name[1]})' if signal_name else 'from outside'
        return (
            f'a process that loads data ({worker[1]}) was ended {how}, most often for want of memory: use fewer '
            'num_workers, and go on with --resume'
        )
    if isinstance(error, RuntimeError) and re.search('onnection (closed|reset) by peer|remote process exited', text):
        return LOST_RANK
    if isinstance(error, RuntimeError) and 'PytorchStreamReader' in text:
        return f'the checkpoint cannot be read, it is damaged or incomplete: {text.splitlines()[0]}'
    return None
