"""The mixes of docs/mixing.md: what is shown there is what stands in the configs, and it runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tiny_data
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdel.datasets.synthetic import CLASS_NAMES
from mmdel.models.detectors import EventDetector
from mmdel.registry import MODELS
from mmdel.structures import StreamBatch
from mmdel.utils.class_embeddings import embeddings_of, read_class_embeddings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / 'docs/mixing.md').read_text(encoding='utf-8')
SECTIONS = dict(re.findall(r'^## (.*?)\n(.*?)(?=^## |\Z)', TEXT, re.DOTALL | re.MULTILINE))
MIXED = sorted(path.name for path in (ROOT / 'configs/mixing').glob('*.py'))


def python_blocks(section: str) -> list[str]:
    return re.findall(r'```python\n(.*?)```', SECTIONS[section], re.DOTALL)


def load(name: str) -> Config:
    return Config.fromfile(ROOT / 'configs/mixing' / name)


class Terms(Hook):
    priority = 'LOWEST'

    def before_train(self, runner: Runner) -> None:
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.steps.append({name: value.item() for name, value in outputs.items()})


def write_activitynet(root: Path, num_videos: int, num_steps: int, channels: int) -> None:
    """Annotations and features in the form of MMAction2's ActivityNetDataset."""
    rng = np.random.default_rng(0)
    features = root / 'activitynet_feature_cuhk/csv_mean_100'
    features.mkdir(parents=True)
    videos = {}
    for index in range(num_videos):
        table = rng.normal(size=(num_steps, channels))
        np.savetxt(features / f'v_{index}.csv', table, delimiter=',', header='a', comments='')
        events = [dict(segment=[2.0 + index, 6.0 + index], label='x'), dict(segment=[12.0, 13.0], label='y')]
        videos[f'v_{index}'] = dict(
            duration_second=20.0, duration_frame=500, feature_frame=500, annotations=events, fps=25.0, rfps=25.0
        )
    (root / 'anet_anno_train.json').write_text(json.dumps(videos))


@pytest.fixture
def bmn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The documented config on a few short videos, two iterations long."""
    write_activitynet(tmp_path, num_videos=8, num_steps=20, channels=16)
    monkeypatch.setenv('ACTIVITYNET_ROOT', str(tmp_path))
    cfg = load('mmaction_bmn_scl.py')
    cfg.model.update(temporal_dim=20, feat_dim=16, hidden_dim_2d=8, hidden_dim_3d=8)
    cfg.train_dataloader.update(batch_size=4, num_workers=0)
    cfg.train_cfg.max_epochs = 1
    cfg.update(work_dir=str(tmp_path / 'work'), experiment_name='mixing', randomness=dict(seed=0))
    return cfg


def test_a_stock_localizer_trains_with_the_hook(bmn: Config, tmp_path: Path) -> None:
    text = (ROOT / 'configs/mixing/mmaction_bmn_scl.py').read_text(encoding='utf-8')
    assert re.findall(r"'mmdel[^']*'", text) == [
        "'mmdel'",
        "'mmdel.ScoreContrastiveHook'",
        "'mmdel.ScoreContrastiveLoss'",
    ]
    runner, terms = Runner.from_cfg(bmn), Terms()
    runner.register_hook(terms)
    before = {name: value.cpu().clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    assert type(runner.model).__module__.startswith('mmaction.')
    assert len(terms.steps) == 2
    for step in terms.steps:
        assert {'loss_intra', 'loss_score_visual', 'loss_token_cls_visual'} <= step.keys()
        assert step['num_positives'] == 4 and step['num_negatives'] > 0 and step['loss_intra'] > 0
        assert all(np.isfinite(value) for value in step.values())
    saved = torch.load(tmp_path / 'work/epoch_1.pth')
    assert saved['state_dict'].keys() == before.keys()
    assert 'score_heads.visual.weight' in saved['score_contrastive']
    assert not torch.equal(saved['state_dict']['x_1d_b.0.weight'], before['x_1d_b.0.weight'])


def test_the_hook_changes_what_the_localizer_learns(bmn: Config) -> None:
    weights = []
    for hooks in (bmn.custom_hooks, []):
        cfg = Config(dict(bmn.to_dict(), custom_hooks=hooks, experiment_name=f'mixing_{len(hooks)}'))
        runner = Runner.from_cfg(cfg)
        runner.train()
        weights.append(runner.model.x_1d_b[0].weight.detach())
    assert not torch.equal(*weights)


def test_the_parts_work_in_plain_python() -> None:
    names: dict = {}
    exec(*python_blocks('The parts and what they pass on'), names)
    assert [level.shape for level in names['feats']['visual']] == [(2, 32, 50), (2, 32, 25), (2, 32, 13)]
    assert [level.shape for level in names['fused']] == [(2, 64, 50), (2, 64, 25), (2, 64, 13)]


@pytest.mark.parametrize('section', [name for name in SECTIONS if '../configs/' in SECTIONS[name]])
def test_what_is_shown_stands_in_the_config(section: str) -> None:
    links = re.findall(r'\]\(\.\./(configs/\S+\.py)\)', SECTIONS[section])
    texts = [(ROOT / link).read_text(encoding='utf-8') for link in links]
    assert links and python_blocks(section)
    for block in python_blocks(section):
        assert any(block in text for text in texts), block


def test_every_mix_and_every_section_is_documented() -> None:
    assert sorted(set(re.findall(r'\.\./configs/mixing/(\w+\.py)', TEXT))) == MIXED
    contents = re.findall(r'^\[(.*?)\]\(#(.*?)\)', TEXT, re.MULTILINE)
    assert [name for name, _ in contents] == list(SECTIONS)
    assert all(re.sub(r'[^\w -]', '', name).lower().replace(' ', '-') == anchor for name, anchor in contents)


@pytest.mark.parametrize(
    ('name', 'parts'),
    [
        ('actionformer_pan_demo.py', {'backbone': 'TemporalPyramidBackbone', 'neck': 'AudioVisualPAN'}),
        ('del_causal_demo.py', {'backbone': 'EventAlignedBackbone', 'neck': 'AudioVisualPAN'}),
        ('del_gate_demo.py', {'backbone': 'EventAlignedBackbone', 'neck': 'AudioVisualPAN'}),
        ('del_shift_demo.py', {'backbone': 'EventAlignedBackbone', 'neck': 'AudioVisualPAN'}),
        ('del_dependency_demo.py', {'backbone': 'EventAlignedBackbone', 'neck': 'NeckChain'}),
        ('unav_pan_demo.py', {'backbone': 'AudioVisualPyramidBackbone', 'neck': 'AudioVisualPAN'}),
        ('../del_demo.py', {'neck': 'AudioVisualPAN', 'head.regressor': 'TridentRegressor'}),
        ('del_text_demo.py', {'head.cls_tower': 'TextClassifier', 'head.regressor': 'OffsetRegressor'}),
        ('del_unseen_demo.py', {'head.cls_tower': 'TextClassifier', 'head.regressor': 'OffsetRegressor'}),
        ('bmn_del_demo.py', {'backbone': 'EventAlignedBackbone', 'localizer': 'BMN'}),
    ],
)
def test_a_mix_has_the_parts_of_its_name(name: str, parts: dict[str, str]) -> None:
    """And its neck takes part in the prediction, whatever is padded."""
    model = MODELS.build(load(name).model).eval()
    assert {part: type(model.get_submodule(part)).__name__ for part in parts} == parts
    if isinstance(model, EventDetector):
        streams = dict(visual=torch.randn(1, 40, 144), audio=torch.randn(1, 40, 64))
        inputs = StreamBatch(streams, torch.ones(1, 40, dtype=torch.bool))
        padded = StreamBatch({name: F.pad(x, (0, 0, 0, 9)) for name, x in streams.items()}, F.pad(inputs.mask, (0, 9)))
        with torch.no_grad():
            feats, masks = model.neck(*model.backbone(inputs))
            longer, _ = model.neck(*model.backbone(padded))
            assert model.head(feats, masks)[0].shape[2] == model.head.num_classes
        for level, longer_level in zip(feats, longer, strict=True):
            torch.testing.assert_close(level, longer_level[..., : level.shape[2]], atol=1e-4, rtol=1e-4)


def test_the_documented_files_of_embeddings_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the demo by its config; that of a text encoder, which is not installed, with another in its place."""
    demo, encoded = re.findall(r"<<'END'\n(.*?)^END", SECTIONS['Classes by their names'], re.DOTALL | re.MULTILINE)
    monkeypatch.delenv('MMDEL_EMBEDDINGS', raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'work_dirs').mkdir()
    exec(demo, {})
    cfg, unseen = load('del_text_demo.py'), load('del_unseen_demo.py')
    assert sorted(unseen.seen + unseen.unseen) == sorted(CLASS_NAMES)
    words = [{word for name in names for word in name.split()} for names in (unseen.seen, unseen.unseen)]
    assert words[0] > words[1] and unseen.model.head.num_classes == len(unseen.seen)
    embeddings = embeddings_of(CLASS_NAMES, cfg.default_hooks.classes.embeddings, cfg.model.head.classifier.embed_dims)
    cosines = embeddings @ embeddings.T  # of three words each: two, one, or all in common
    for one, row in zip(CLASS_NAMES, cosines.tolist(), strict=True):
        assert row == pytest.approx([len({*one.split()} & {*other.split()}) / 3 for other in CLASS_NAMES])
    encoder = SimpleNamespace(encode=lambda names: np.eye(len(names), 384, dtype=np.float32))
    stand_in = SimpleNamespace(SentenceTransformer=lambda name: encoder)
    monkeypatch.setitem(sys.modules, 'sentence_transformers', stand_in)
    exec(encoded, {})
    assert list(read_class_embeddings('names.npz', 384)) == ['dog barking', 'church bell', 'car horn']


def test_parts_of_the_users_own(tmp_path: Path, run_tool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The documented module and config, trained by the tool from a folder that is not the package's."""
    monkeypatch.delenv('MMDEL_DEMO_ROOT', raising=False)
    monkeypatch.chdir(tmp_path)
    module, config = python_blocks('Parts of your own')
    (tmp_path / 'my_parts.py').write_text(module)
    (tmp_path / 'my_config.py').write_text(config.replace("'configs/", f"'{ROOT}/configs/"))
    tiny_data.write_data_of(Config.fromfile(ROOT / 'configs/del_demo.py'))
    plain = [f'{name}_dataloader.dataset.type=mmdel.EventDataset' for name in ('train', 'val')]
    options = [*plain, 'train_cfg.max_epochs=6', 'train_cfg.val_interval=6', 'model.head.max_length=12']
    done = run_tool('tools/train.py', 'my_config.py', '--cfg-options', *options, cwd=tmp_path, PYTHONPATH='.')
    assert done.returncode == 0, done.stderr
    assert 'event/mAP@0.5' in done.stdout + done.stderr
    weights = torch.load(tmp_path / 'work_dirs/my_config/epoch_6.pth')['state_dict']
    assert weights['head.cls_tower.convs.0.weight'].shape[1] == 64  # both streams' pyramids in the width of one
    assert not any(name.startswith('neck.') for name in weights)
