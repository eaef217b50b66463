"""Warnings go to mmengine's log where that is, and to stderr where it is not."""

import builtins
import logging

from mmdel.utils.log import silence, warn


def test_with_mmengine_and_without(monkeypatch, caplog, capfd):
    from mmengine.logging import MMLogger

    logger = MMLogger.get_instance('test_log', log_level='INFO')
    warn('first')
    assert any('first' in text for text in (*capfd.readouterr(), caplog.text)) and logger
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.partition('.')[0] == 'mmengine':
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', without)
    with caplog.at_level(logging.WARNING, 'mmdel'):
        warn('second')
    assert [(record.name, record.message) for record in caplog.records if record.message == 'second'] == [
        ('mmdel', 'second')
    ]


def test_silence_holds_for_a_logger_that_has_logged_before_and_ends(capfd):
    from mmengine.logging import MMLogger, print_log

    MMLogger.get_instance('test_silence', log_level='INFO')
    told = []
    for turn in ('before', 'meanwhile', 'after'):
        if turn == 'meanwhile':
            with silence():
                print_log(turn, 'current')
                warn(turn)
        else:
            print_log(turn, 'current')
        told += [turn] * any(turn in text for text in capfd.readouterr())
    assert told == ['before', 'after'] and logging.root.manager.disable == logging.NOTSET
