from __future__ import annotations

from mmdel.datasets.checks.folders import Folders


def test_each_folder_is_listed_once(tmp_path):
    folders = Folders()
    assert not folders.has(str(tmp_path / 'a.npy'))
    (tmp_path / 'a.npy').touch()
    assert not folders.has(str(tmp_path / 'a.npy')) and Folders().has(str(tmp_path / 'a.npy'))


def test_a_missing_file_hints_at_one_in_other_letters(tmp_path):
    (tmp_path / 'Abc.npy').touch()
    defect = Folders().missing(str(tmp_path / 'aBC.npy'), 'aBC', 'train', 'warning')
    assert (defect.kind, defect.severity, defect.found) == ('missing-file', 'warning', "no such file, but 'Abc.npy'")


def test_a_folder_that_is_a_file_or_not_there_is_told_once(tmp_path):
    (tmp_path / 'file').touch()
    folders = Folders()
    for name in ('file', 'nothing'):
        assert folders.missing(str(tmp_path / name / 'a.npy'), 'a', 'train', 'error') is None
    defects = folders.missing_folders('Get them.')
    assert [(defect.kind, defect.file) for defect in defects] == [
        ('missing-folder', str(tmp_path / 'file')),
        ('missing-folder', str(tmp_path / 'nothing')),
    ]
    assert [defect.found for defect in defects] == ['Not a directory', 'No such file or directory']
    assert defects[0].expected == 'a folder of feature files. Get them.'


def test_files_that_no_video_names(tmp_path):
    for name in ('a_rgb.npy', 'b_rgb.npy', 'a.npy', 'readme.txt', '_rgb.npy'):
        (tmp_path / name).touch()
    folders = Folders()
    patterns = [f'{tmp_path}/{{id}}_rgb.npy', f'{tmp_path}/{{id}}.npy', f'{tmp_path}/never_listed/{{id}}.npy']
    named = {f'{tmp_path}/a_rgb.npy', f'{tmp_path}/a.npy'}
    assert folders.unnamed(patterns, named) == []
    folders.names(str(tmp_path))
    found = {defect.file.rsplit('/', 1)[1] for defect in folders.unnamed(patterns, named)}
    assert found == {'b_rgb.npy', '_rgb.npy'}
