"""Train a model: ``mmdel train`` by its file, which launchers call."""

import sys

from mmdel.commands import main

if __name__ == '__main__':
    main(['train', *sys.argv[1:]])
