import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from mmengine.config import Config
from ragged import ragged_batch
from tiny_bundle import make_bundle

from mmdel.commands import main
from mmdel.inference import Bundle
from mmdel.inference.weights import build
from mmdel.runtime import OnnxDetector
from mmdel.utils.checkpoints import read_checkpoint


@pytest.fixture(scope='module')
def run(tiny_training, tmp_path_factory):
    """A copy of the work directory of a training."""
    work_dir, _ = tiny_training
    return shutil.copytree(work_dir, tmp_path_factory.mktemp('run') / 'tiny')


def export(*words, status=0):
    words = ['export', *map(str, words)]
    if not status:
        return main(words)
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == status


def test_a_work_directory_becomes_a_bundle(run, tmp_path, capsys):
    """Of the weights that a test uses, with the classes in their order; tested as it is by the config's own test."""
    export(run, '--out', tmp_path / 'model')
    said = capsys.readouterr().out
    assert 'no extractors are known' in said and 'on the validation videos' in said
    bundle = Bundle.load(tmp_path / 'model')
    best = sorted(run.glob('best_*.pth'))
    last = run / (run / 'last_checkpoint').read_text().strip().rpartition('/')[2]
    checkpoint = read_checkpoint(str(best[-1] if best else last))
    assert bundle.weights.keys() == checkpoint['state_dict'].keys()
    assert all(torch.equal(value, checkpoint['state_dict'][name]) for name, value in bundle.weights.items())
    assert bundle.classes == tuple(checkpoint['meta']['dataset_meta']['classes'])
    assert bundle.extractors == {} and bundle.streams['visual']['channels'] == 6
    assert bundle.model['test_cfg'] == dict(window=48)  # twice the crop of 24, in steps of 8
    assert 0 < bundle.thresholds['score'] < 1
    assert bundle.provenance['epoch'] == 2 and bundle.provenance['config'] == next(run.glob('*.py')).name


def test_options(run, tmp_path, capsys):
    config, checkpoint = next(run.glob('*.py')), run / 'epoch_2.pth'
    out = tmp_path / 'model'
    export(config, checkpoint, '--out', out, '--score-thr', '0.25', '--licence', 'CC0-1.0')
    bundle = Bundle.load(out)
    assert bundle.thresholds == dict(score=0.25) and bundle.provenance['licence'] == 'CC0-1.0'
    export(config, checkpoint, '--out', out, status=2)
    assert 'exists and is left alone' in capsys.readouterr().err
    export(config, checkpoint, '--out', out, '--overwrite', '--half', '--score-thr', '0.5')
    assert Bundle.load(out).thresholds == dict(score=0.5)
    assert (out / 'weights.safetensors').stat().st_size < 0.7 * checkpoint.stat().st_size


def sidecar(folder, **changes):
    """As mmdel extract writes it for the streams of the tiny config: 4 of 16 frames a second."""
    picture = dict(type='mmdel.FrameGridExtractor', fps=16.0, height=2, width=2, rows=1, columns=1)
    streams = {
        name: dict(extractors=[picture], stride=4, window=4, fps=16.0, channels=channels, files=[f'{{id}}_{name}.npy'])
        for name, channels in (('visual', 6), ('audio', 4))
    }
    streams['visual'].update(changes)
    folder.mkdir()
    (folder / 'streams.json').write_text(json.dumps(streams))
    return folder


def test_extractors_come_from_a_folder_of_features(run, tmp_path, capsys):
    export(run, '--out', tmp_path / 'model', '--streams', sidecar(tmp_path / 'features'), '--score-thr', '0.1')
    assert 'FrameGridExtractor' in capsys.readouterr().out
    assert [item['fps'] for item in Bundle.load(tmp_path / 'model').extractors['visual']] == [16.0]
    for name, changes, message in (
        ('other_hop', dict(stride=5), "'visual' has 0.3125 seconds from step to step, and that of"),
        ('other_width', dict(channels=7), "'visual' has 7 channels, and that of"),
        (
            'other_type',
            dict(extractors=[dict(type='os.system')]),
            "type is 'os.system'; expected an extractor",
        ),
    ):
        folder = sidecar(tmp_path / name, **changes)
        export(run, '--out', tmp_path / 'no', '--streams', folder, '--score-thr', '0.1', status=2)
        assert message in capsys.readouterr().err
    (tmp_path / 'empty').mkdir()
    export(run, '--out', tmp_path / 'no', '--streams', tmp_path / 'empty', status=2)
    assert "does not tell of stream 'audio'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(model=dict(backbone=dict(type='torch.nn.Linear'))), 'a bundle holds parts of mmdel alone'),
        (dict(model=dict(backbone=dict(embed_dims=32))), 'the weights do not fit the model'),
        (dict(model=dict(head=dict(video_score_topk=2))), 'needs class scores of whole videos'),
        (
            dict(test_dataloader=dict(dataset=dict(streams=dict(visual=dict(fps=None))))),
            "stream 'visual' must have stride, window, fps and channels",
        ),
    ],
)
def test_what_a_bundle_cannot_hold(run, tmp_path, capsys, change, message):
    cfg = Config.fromfile(next(run.glob('*.py')))
    cfg.merge_from_dict(change)
    cfg.dump(tmp_path / 'changed.py')
    export(tmp_path / 'changed.py', run / 'epoch_2.pth', '--out', tmp_path / 'model', status=2)
    assert message in capsys.readouterr().err
    assert not (tmp_path / 'model').exists()


def test_wrong_words(run, tmp_path, capsys):
    export(tmp_path, '--out', tmp_path / 'model', status=2)
    assert 'should hold the one config of a training, and holds none' in capsys.readouterr().err
    config = next(run.glob('*.py'))
    export(config, '--out', tmp_path / 'model', status=2)
    assert 'name a checkpoint behind' in capsys.readouterr().err
    shutil.copy(config, tmp_path / 'a.py')
    export(tmp_path, '--out', tmp_path / 'model', status=2)
    assert 'holds no checkpoint' in capsys.readouterr().err
    broken = read_checkpoint(str(run / 'epoch_2.pth'))
    broken['state_dict']['head.cls_tower.last.bias'] = torch.full((2,), np.nan)
    torch.save(dict(state_dict=broken['state_dict'], meta=broken['meta']), tmp_path / 'nan.pth')
    export(config, tmp_path / 'nan.pth', '--out', tmp_path / 'model', status=2)
    assert 'are NaN or infinite: head.cls_tower.last.bias' in capsys.readouterr().err


def text_bundle(vectors: dict[str, np.ndarray], **head) -> Bundle:
    """A bundle that knows its classes by embeddings of their names."""
    plain = make_bundle()
    classifier = dict(type='mmdel.TextClassifier', embed_dims=len(next(iter(vectors.values()))))
    points = dict(type='mmdel.PointGenerator', regress_ranges=[[0, 4], [4, 1000]])
    model = {
        **plain.model,
        'backbone': {**plain.model['backbone'], 'num_levels': 2},  # the fewer, the sooner there is a graph
        'head': {**plain.model['head'], 'point_generator': points, 'classifier': classifier, **head},
    }
    built = build(model)
    values = torch.tensor(np.stack([vectors[name] for name in plain.classes]))
    built.head.cls_tower.embeddings.copy_(torch.nn.functional.normalize(values, dim=1))
    return dataclasses.replace(plain, model=model, weights=built.state_dict())


def test_a_bundle_gets_other_classes_by_their_names(tmp_path, capsys):
    """One that it has, and one that it was not trained on; it needs no file of embeddings, and has a graph."""
    rng = np.random.default_rng(0)
    vectors = {name: rng.normal(size=6) for name in ('whistle', *make_bundle().classes)}
    before = text_bundle(vectors)
    before.save(tmp_path / 'before')
    file = tmp_path / 'names.npz'
    np.savez(file, names=['whistle', 'horn'], embeddings=[vectors['whistle'], vectors['horn']])
    pytest.importorskip('onnx')
    words = '--score-thr', '0.01', '--onnx', '--out', tmp_path / 'after'
    export(tmp_path / 'before', '--embeddings', file, *words)
    file.unlink()
    after = Bundle.load(tmp_path / 'after')
    assert after.classes == OnnxDetector(tmp_path / 'after').classes == ('whistle', 'horn')
    assert after.thresholds == dict(score=0.01) and len(before.classes) == 3
    inputs = ragged_batch(before.model['backbone']['in_channels'], [40], noise=1.0, dtype=torch.float32)
    with torch.no_grad():
        old, new = (bundle.build_model()(inputs)[0] for bundle in (before, after))
    torch.testing.assert_close(new[..., 1], old[..., before.classes.index('horn')])
    assert (new[..., 0, None] - old).abs().amax((0, 1)).min() > 0.1


@pytest.mark.parametrize(
    ('head', 'message'),
    [
        (None, 'the model has no mmdel.TextClassifier'),
        (dict(class_aware=True), 'since head.regressor learned something for each of them'),
    ],
)
def test_a_bundle_whose_classes_are_its_own_keeps_them(tmp_path, capsys, head, message):
    vectors = {name: np.eye(3)[index] for index, name in enumerate(make_bundle().classes)}
    bundle = make_bundle() if head is None else text_bundle(vectors, **head)
    bundle.save(tmp_path / 'model')
    np.savez(tmp_path / 'names.npz', names=list('abc'), embeddings=np.eye(3))
    export(tmp_path / 'model', '--embeddings', tmp_path / 'names.npz', '--out', tmp_path / 'other', status=2)
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('words', 'unused'),
    [
        (['--embeddings', 'names.npz', '--licence', 'MIT', '--streams', 'features'], 'streams, licence'),
        (['--embeddings', 'names.npz', '--onnx', '--licence', 'MIT'], 'licence'),
        (['--onnx', '--score-thr', '0.5'], 'score-thr'),
        (['--onnx', '--score-thr', '0'], 'score-thr'),
    ],
)
def test_options_that_a_bundle_has_no_use_for_are_refused(tmp_path, capsys, words, unused):
    make_bundle().save(tmp_path / 'model')
    export(tmp_path / 'model', *words, '--out', tmp_path / 'other', status=2)
    assert f'is a bundle, of which these options say nothing: {unused}\n' in capsys.readouterr().err
    assert not (tmp_path / 'other').exists()
