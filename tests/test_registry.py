"""``type='mmdel.X'`` is found from everywhere, silently."""

import importlib
import subprocess
import sys

import mmengine.registry
from mmengine.registry import Registry

from mmdel import registry

ROOTS = {name: value for name, value in vars(mmengine.registry).items() if isinstance(value, Registry)}
LOOK_UP = """
import os, sys
import matplotlib.figure, mmcv.cnn, mmengine.runner, torch  # which take most of the time
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, TASK_UTILS, TRANSFORMS, DefaultScope
for scope in sys.argv[1:]:  # each in a process of its own, where nothing has been looked up
    process = os.fork()
    if not process:
        break
    if os.waitpid(process, 0)[1]:
        sys.exit('under the scope ' + scope)
else:
    sys.exit()
if scope != 'none':
    DefaultScope.get_instance('run', scope_name=scope)
import mmdel
for root, name in (
    (DATASETS, 'EventDataset'), (TRANSFORMS, 'LoadFeatures'), (MODELS, 'EventDetector'), (TASK_UTILS, 'PointGenerator'),
    (HOOKS, 'EventVisualizationHook'), (METRICS, 'EventMAP'),
):
    found = root.get('mmdel.' + name)
    assert found.__name__ == name and found.__module__.startswith('mmdel.'), (name, found)
bare = 'DIoULoss' if scope == 'mmdel' else 'mmdel.DIoULoss'
assert type(MODELS.build(dict(type=bare))).__name__ == 'DIoULoss'
"""


def test_every_root_registry_has_its_node_of_parts_from_its_location():
    for name, root in ROOTS.items():
        node = getattr(registry, name)
        assert node.parent is root and node.scope == 'mmdel' and root.children['mmdel'] is node
        (location,) = node._locations
        importlib.import_module(location)
        for part in node.module_dict.values():
            assert part.__module__.startswith(location), part


def test_parts_are_found_under_any_default_scope_without_a_word():
    # mmcv-lite warns about itself when mmaction's registry is looked up; Python 3.12 about mmaction and about forks.
    scopes = ['none', 'mmengine', 'mmdel', 'mmaction']
    silent = ['ignore:Fail to import:UserWarning', 'ignore::SyntaxWarning', 'ignore::DeprecationWarning']
    command = [sys.executable, *(f'-W{each}' for each in silent), '-c', LOOK_UP, *scopes]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
