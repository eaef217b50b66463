"""Examine data: ``mmdel check`` by its file."""

import sys

from mmdel.commands import main

if __name__ == '__main__':
    main(['check', *sys.argv[1:]])
