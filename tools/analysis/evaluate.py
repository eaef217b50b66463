"""Score a result file: ``mmdel evaluate`` by its file."""

import sys

from mmdel.commands import main

if __name__ == '__main__':
    main(['evaluate', *sys.argv[1:]])
