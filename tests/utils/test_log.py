"""Warnings go to mmengine's log where that is, and to stderr where it is not."""

import builtins
import logging

from mmdel.utils.log import warn


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
