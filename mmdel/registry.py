"""The registries of mmdel.

Each node has mmengine's root registry as its parent and the scope ``mmdel``, so that ``type='mmdel.X'`` is found
from any config, whatever its ``default_scope``. A node names the modules that register into it; mmengine imports
them at the first look-up.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _node(name: str, *locations: str) -> Registry:
    """A child of mmengine's root registry ``name`` that finds its parts in ``locations``."""
    parent = getattr(root, name)
    return Registry(parent.name, parent=parent, scope='mmdel', locations=[f'mmdel.{place}' for place in locations])


DATASETS = _node('DATASETS', 'datasets')
TRANSFORMS = _node('TRANSFORMS', 'datasets.transforms')
MODELS = _node('MODELS', 'models')
TASK_UTILS = _node('TASK_UTILS', 'models.task_modules')
HOOKS = _node('HOOKS', 'engine.hooks')
METRICS = _node('METRICS', 'evaluation.metrics')
VISUALIZERS = _node('VISUALIZERS', 'visualization')

# mmdel adds nothing to these. They exist because mmengine warns, at every look-up under default_scope='mmdel',
# about a root registry that has no child of that scope.
for _name in (
    'RUNNERS',
    'RUNNER_CONSTRUCTORS',
    'LOOPS',
    'STRATEGIES',
    'DATA_SAMPLERS',
    'MODEL_WRAPPERS',
    'WEIGHT_INITIALIZERS',
    'OPTIMIZERS',
    'OPTIM_WRAPPERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'PARAM_SCHEDULERS',
    'EVALUATOR',
    'VISBACKENDS',
    'LOG_PROCESSORS',
    'INFERENCERS',
    'FUNCTIONS',
):
    globals()[_name] = _node(_name, 'registry')
