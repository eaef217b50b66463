"""Test a checkpoint: ``mmdel test`` by its file, which launchers call."""

import sys

from mmdel.commands import main

if __name__ == '__main__':
    main(['test', *sys.argv[1:]])
