"""The graph of a bundle's model, beside its weights, so that the bundle runs without torch."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmdel.inference.bundle import Bundle, whole_folder
from mmdel.models.detectors.sliding_window import Cut
from mmdel.runtime import OnnxDetector
from mmdel.runtime.bundle_rules import DESCRIPTION_FILE, ONNX_FILE, WEIGHTS_FILE
from mmdel.runtime.onnx_settings import OnnxSettings, Windows
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import digest

if TYPE_CHECKING:
    from mmdel.inference.onnx_export import WeightFormat

OWN_STEPS_PER_MARGIN = 4  # of windows: half as much again is computed as of the whole video
NMS = ('method', 'sigma', 'iou_threshold', 'min_score', 'max_num', 'class_aware', 'voting_threshold')


def add_onnx(source: Path, target: Path, weights: WeightFormat = 'float32', overwrite: bool = False) -> Path:
    """Writes a bundle with the graph of its model; what else it holds stays as it is, byte for byte.

    Args:
        source: The folder of the bundle.
        target: The folder to write, which appears whole or not at all; the same one gets the graph.
        weights: How the graph's are stored, see :func:`~mmdel.inference.onnx_export.export_onnx`.
        overwrite: Whether another bundle that is there may be replaced.

    Raises:
        UserInputError: If the source is no bundle or has an extractor's file of the graph's name, the target is there
            or cannot be written, or the model has no graph.
    """
    from mmdel.inference.onnx_export import export_onnx  # which takes long to import

    bundle = Bundle.load(source)
    content = json.loads((source / DESCRIPTION_FILE).read_text(encoding='utf-8'))
    if ONNX_FILE in content['files']:
        raise UserInputError(f'{source}: {ONNX_FILE} is the file of an extractor already; give that another name')
    is_same = target.exists() and target.samefile(source)
    with whole_folder(target, overwrite or is_same) as built:
        built.mkdir(mode=0o755)
        for name in (WEIGHTS_FILE, *content['files']):
            shutil.copyfile(source / name, built / name)
        model: Any = bundle.build_model()
        export_onnx(model, built / ONNX_FILE, weights)
        os.chmod(built / ONNX_FILE, 0o644)
        content['onnx'] = settings_of(model, digest(built / ONNX_FILE)).write()
        text = json.dumps(content, indent=1, allow_nan=False) + '\n'
        (built / DESCRIPTION_FILE).write_text(text, encoding='ascii')
        Bundle.load(built), OnnxDetector(built)  # what is handed on can be read, both ways
    return target


def settings_of(model: Any, sha256: str) -> OnnxSettings:
    """What :mod:`mmdel.runtime` computes around the graph of an ``EventDetector``, whose file has a digest."""
    head, prepare, sliding = model.head, model.data_preprocessor, model.sliding_window
    return OnnxSettings(
        sha256,
        head.num_levels,
        getattr(prepare, 'min_len', 1),
        tuple(sorted(getattr(prepare, 'zero_streams', ()))),
        None if sliding is None else windows_of(model),
        head.pre_nms_score,
        head.pre_nms_num,
        head.min_length,
        {name: getattr(head.nms, name) for name in NMS},
    )


def windows_of(model: Any) -> Windows:
    """The windows of a detector that is one graph: those that it has, or of its two stages one after the other.

    In torch, backbone, and neck and head have windows of their own where the model sees only so far. One graph needs
    the overlap of both, and gives the same at the seams; but for what the backbone takes from the whole of a window.
    """
    sliding = model.sliding_window
    stages, stride = sliding.stages(model.backbone, model.neck, model.head), 2 ** (model.head.num_levels - 1)
    cut = sliding.stated()
    if stages is not None:
        margin = sum(stage.margin for stage in stages)
        step = max(-(-sliding.window // stride) * stride - 2 * margin, OWN_STEPS_PER_MARGIN * margin, stride)
        cut = Cut(step + 2 * margin, step)
    return Windows(sliding.window, cut.length, cut.step, cut.margin)
