"""Tasks in processes: every end of a task is told, and none takes others along."""

import multiprocessing
from contextlib import closing

import pytest
from pool_tasks import make_tasks

from mmdel.features.worker_pool import Outcome, run_tasks


def test_every_end_of_a_task_is_told_and_the_others_go_on():
    outcomes = list(run_tasks(make_tasks, (100,), [1, 13, 14, 15, 2, 3, 4], 2))
    done = {outcome.task: outcome for outcome in outcomes if outcome.is_done}
    assert set(done) == {1, 13, 14, 15, 2, 3, 4} and len(outcomes) == 14
    assert [done[task] for task in (1, 2, 3, 4)] == [Outcome(task, (100 + task, '1', False)) for task in (1, 2, 3, 4)]
    assert done[13].error == 'thirteen is refused' and done[14].error == 'ZeroDivisionError: by fourteen'
    assert done[15].error.startswith('the process that read it was ended by SIGKILL, most often for want of memory')
    assert {outcome.task: outcome.result for outcome in outcomes if not outcome.is_done} == {
        task: (100 + task) / 2 for task in done
    }
    assert not multiprocessing.active_children()


def test_closing_stops_the_processes():
    with closing(run_tasks(make_tasks, (0,), [16], 1)) as outcomes:
        assert next(outcomes).result == 8
        (process,) = multiprocessing.active_children()
    assert not process.is_alive()


def test_no_tasks_start_no_process():
    with closing(run_tasks(make_tasks, (0,), [], 4)) as outcomes, pytest.raises(StopIteration):
        next(outcomes)
