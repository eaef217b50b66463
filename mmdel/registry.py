"""The registries of mmdel.

Each node has mmengine's root registry as its parent and the scope ``mmdel``, so that ``type='mmdel.X'`` is found
from any config, whatever its ``default_scope``. A node names the module that registers into it; mmengine imports
it at the first look-up.
"""

from mmengine import registry as root
from mmengine.registry import Registry


def _node(parent: Registry, location: str = 'registry') -> Registry:
    """A child of one of mmengine's root registries that finds its parts in ``mmdel.<location>``."""
    return Registry(parent.name, parent=parent, scope='mmdel', locations=[f'mmdel.{location}'])


DATASETS = _node(root.DATASETS, 'datasets')
DATA_SAMPLERS = _node(root.DATA_SAMPLERS, 'datasets')
FUNCTIONS = _node(root.FUNCTIONS, 'datasets')
TRANSFORMS = _node(root.TRANSFORMS, 'datasets.transforms')
MODELS = _node(root.MODELS, 'models')
TASK_UTILS = _node(root.TASK_UTILS, 'models.task_modules')
HOOKS = _node(root.HOOKS, 'engine.hooks')
LOOPS = _node(root.LOOPS, 'engine.loops')
OPTIM_WRAPPERS = _node(root.OPTIM_WRAPPERS, 'engine.optimizers')
OPTIM_WRAPPER_CONSTRUCTORS = _node(root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine.optimizers')
METRICS = _node(root.METRICS, 'evaluation.metrics')
VISUALIZERS = _node(root.VISUALIZERS, 'visualization')

# mmdel adds nothing to these. They exist because mmengine warns, at every look-up under default_scope='mmdel',
# about a root registry that has no child of that scope.
RUNNERS = _node(root.RUNNERS)
RUNNER_CONSTRUCTORS = _node(root.RUNNER_CONSTRUCTORS)
STRATEGIES = _node(root.STRATEGIES)
MODEL_WRAPPERS = _node(root.MODEL_WRAPPERS)
WEIGHT_INITIALIZERS = _node(root.WEIGHT_INITIALIZERS)
OPTIMIZERS = _node(root.OPTIMIZERS)
PARAM_SCHEDULERS = _node(root.PARAM_SCHEDULERS)
EVALUATOR = _node(root.EVALUATOR)
VISBACKENDS = _node(root.VISBACKENDS)
LOG_PROCESSORS = _node(root.LOG_PROCESSORS)
INFERENCERS = _node(root.INFERENCERS)
