"""What the repairs heal, and what they leave alone."""

import io
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MessageHub

import mmdel  # applies the repairs

ROOT = Path(__file__).resolve().parents[1]


class Foreign:
    """What a checkpoint must not hold."""


def saved(value) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return file


def run_python(code: str, *paths) -> str:
    prelude = f'import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n'
    command = [sys.executable, '-W', 'ignore:Fail to import:UserWarning', '-c', prelude + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_is_cheap_then_mmaction_imports_and_bmn_builds():
    out = run_python("""
        import sys, mmdel
        print('mmaction' in sys.modules, 'importlib_metadata' in sys.modules)
        import mmaction.models
        from mmaction.registry import MODELS
        bmn = dict(type='BMN', temporal_dim=8, boundary_ratio=0.5, num_samples=2, num_samples_per_bin=2, feat_dim=4)
        bmn.update(soft_nms_alpha=0.4, soft_nms_low_threshold=0.5, soft_nms_high_threshold=0.9, post_process_top_k=5)
        print(type(MODELS.build(bmn)).__name__)
        try:
            MODELS.build(dict(type='DRN'))
        except ImportError as error:
            print(error)
    """)
    first, second, third = out.splitlines()
    assert first == 'False False'
    assert second == 'BMN'
    assert 'mmaction/models/localizers/drn' in third and 'source' in third


def test_mmaction_imports_beside_a_package_transformers_that_its_models_cannot_use(tmp_path):
    (tmp_path / 'transformers').mkdir()
    (tmp_path / 'transformers/__init__.py').write_text('')
    (tmp_path / 'transformers-5.17.0.dist-info').mkdir()
    metadata = 'Metadata-Version: 2.1\nName: transformers\nVersion: 5.17.0\n'
    (tmp_path / 'transformers-5.17.0.dist-info/METADATA').write_text(metadata)
    code = """
        import mmdel, mmaction.models
        from mmaction.registry import MODELS
        print(MODELS.get('BMN').__name__)
        for name in ('VindLUVQA', 'VindLURetrievalMC', 'VindLURetrieval'):
            try:
                MODELS.build(dict(type=name))
            except ImportError as error:
                print(error)
    """
    first, *refused = run_python(code, tmp_path).splitlines()
    assert first == 'BMN' and len(refused) == 3
    assert refused[0].startswith('VindLUVQA needs another version of the package transformers than there is: ')


def test_mmengine_is_repaired_whether_it_is_imported_before_mmdel_or_after():
    shown = """
        from importlib.util import find_spec
        find_spec('mmengine')  # looking is not importing
        {}
        before = 'torch' in sys.modules
        {}
        from mmengine.config import Config
        from mmengine.logging import HistoryBuffer
        print(before, HistoryBuffer.__reduce__.__module__, Config._get_cfg_path.__module__, mmengine.__spec__.loader)
    """
    for first, second in (('import mmdel', 'import mmengine'), ('import mmengine', 'import mmdel')):
        said = run_python(shown.format(first, second)).split(maxsplit=3)
        assert said[:3] == ['False', 'mmdel.compat', 'mmdel.compat'] and 'SourceFileLoader' in said[3]


def test_genuine_modules_are_left_alone(tmp_path):
    folder = tmp_path / 'mmaction/models/localizers/drn'
    folder.mkdir(parents=True)
    for package in (folder, *folder.parents[:3]):
        (package / '__init__.py').write_text('')
    (folder / 'drn.py').write_text("DRN = 'genuine DRN'")
    (tmp_path / 'importlib_metadata.py').write_text("origin = 'genuine metadata'")
    code = 'import mmdel, importlib_metadata, mmaction.models.localizers.drn.drn as drn\n'
    out = run_python(code + 'print(drn.DRN, importlib_metadata.origin, sep=", ")', tmp_path)
    assert out.strip() == 'genuine DRN, genuine metadata'


def test_the_finder_answers_for_the_missing_names_only_and_is_put_in_once():
    mmdel.compat.apply()
    (finder,) = [finder for finder in sys.meta_path if type(finder).__name__ == '_PlaceholderFinder']
    names = ['importlib_metadata', 'mmaction.models.localizers.drn', 'mmaction.models.localizers.drn.drn']
    assert all(finder.find_spec(name, None) for name in names)
    for name in ('drn', 'mmaction.models.localizers', 'mmaction.models.localizers.drn.other', 'importlib_metadata.a'):
        assert finder.find_spec(name, None) is None


def test_log_history_survives_a_checkpoint():
    history = HistoryBuffer([1.0, 2.0, 4.0], [1, 1, 2])
    loaded = torch.load(saved(dict(history=history)))['history']
    for method in ('mean', 'min', 'max', 'current'):
        assert loaded.statistics(method) == history.statistics(method)
    loaded.update(8.0)
    assert loaded.current() == 8.0
    assert torch.load(saved(HistoryBuffer())).data[0].size == 0
    assert torch.load(saved(HistoryBuffer([1, 2, 3], [1, 1, 1], 2))).data[0].tolist() == [2, 3]


def test_message_hub_survives_a_checkpoint():
    hub = MessageHub('of_a_checkpoint')
    hub.update_scalars(dict(loss=dict(value=1.5), num_pos=dict(value=torch.tensor(3.0))))
    hub.update_info_dict(dict(epoch=3, best_score=np.float64(51.1)))
    other = MessageHub('of_another_run')
    other.load_state_dict(torch.load(saved(hub.state_dict())))
    assert other.get_scalar('train/loss' if 'train/loss' in other.log_scalars else 'loss').current() == 1.5
    assert other.get_info('best_score') == 51.1


def test_a_foreign_class_is_refused_with_its_name():
    with pytest.raises(pickle.UnpicklingError, match='Foreign'):
        torch.load(saved(dict(state_dict={}, meta=Foreign())))


def test_a_copy_of_a_config_anywhere_finds_its_bases_and_its_own_go_first(tmp_path):
    (tmp_path / 'copy.py').write_text((ROOT / 'configs/del_custom.py').read_text())
    copy, ours = (Config.fromfile(path) for path in (tmp_path / 'copy.py', ROOT / 'configs/del_custom.py'))
    assert copy.to_dict() == ours.to_dict()
    (tmp_path / 'heir.py').write_text("_base_ = 'ablations/del_grid_no_pan.py'")
    assert Config.fromfile(tmp_path / 'heir.py').model.type == 'mmdel.EventDetector'
    (tmp_path / '_base_').mkdir()
    (tmp_path / '_base_/schedule.py').write_text('train_cfg = dict(max_epochs=7)')
    (tmp_path / 'own.py').write_text("_base_ = '_base_/schedule.py'")
    assert Config.fromfile(tmp_path / 'own.py').to_dict() == dict(train_cfg=dict(max_epochs=7))
    (tmp_path / 'lost.py').write_text("_base_ = '_base_/nowhere.py'")
    with pytest.raises(FileNotFoundError, match='nowhere'):
        Config.fromfile(tmp_path / 'lost.py')


def test_a_base_of_the_package_is_found_from_anywhere(tmp_path):
    (tmp_path / 'del_demo.py').write_text('train_cfg = None')  # beside, and not asked for
    (tmp_path / 'mine.py').write_text("_base_ = 'mmdel::del_demo.py'\nmodel = dict(neck=dict(attn_window=9))")
    mine, ours = (Config.fromfile(path).to_dict() for path in (tmp_path / 'mine.py', ROOT / 'configs/del_demo.py'))
    assert mine['model']['neck'].pop('attn_window') == 9 and ours['model']['neck'].pop('attn_window') == 19
    assert mine == ours
    (tmp_path / 'lost.py').write_text("_base_ = 'mmdel::nowhere.py'")
    with pytest.raises(FileNotFoundError, match='nowhere'):
        Config.fromfile(tmp_path / 'lost.py')


def test_a_text_is_formatted_once_until_another_one_is():
    out = run_python("""
        import mmdel
        from mmengine.config import Config, config
        from yapf.yapflib import yapf_api
        formatted, reformat = [], yapf_api.reformatter.Reformat
        yapf_api.reformatter.Reformat = lambda *args, **options: formatted.append(1) or reformat(*args, **options)
        cfg = Config(dict(a=dict(b=1, c=[2])))
        texts = [cfg.pretty_text, cfg.pretty_text]
        cfg.a.b = 3
        texts += [cfg.pretty_text, cfg.pretty_text]
        print(len(formatted), texts[0] == texts[1] != texts[2] == texts[3], Config.fromstring(texts[3], '.py').a.b)
    """)
    assert out.split() == ['2', 'True', '3']
