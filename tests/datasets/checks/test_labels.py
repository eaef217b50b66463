from __future__ import annotations

from mmdel.datasets.checks.labels import check_label_ids, class_names


def database(*events):
    """One video for each event (label, label_id)."""
    return {
        f'v{index}': dict(subset='Train', annotations=[dict(label=label, label_id=label_id)])
        for index, (label, label_id) in enumerate(events)
    }


def test_pairs_of_the_most_events_win():
    found, defects = check_label_ids(database(('a', 1), ('a', 0), ('a', 0), ('b', 1), ('b', 1), ('b', None)), 'x.json')
    assert found == dict(a=0, b=1)
    assert [(defect.kind, defect.video_id, defect.expected) for defect in defects] == [('label-id-clash', 'v0', '0')]
    assert (defects[0].subset, defects[0].event, defects[0].file) == ('train', 0, 'x.json')


def test_a_draw_leaves_to_each_label_what_no_other_has():
    found, defects = check_label_ids(database(('a', 1), ('a', 0), ('b', 1), ('b', 1)), '')
    assert found == dict(a=0, b=1)
    assert [defect.video_id for defect in defects] == ['v0']


def test_a_label_whose_id_is_taken_has_none():
    found, defects = check_label_ids(database(('a', 0), ('a', 0), ('b', 0), ('b', 0), ('a', 0)), '')
    assert found == dict(a=0)
    assert [(defect.kind, defect.video_id) for defect in defects] == [('label-id-clash', 'v2')]
    assert "'a' has it" in defects[0].expected


def test_labels_without_ids_are_fine_if_none_has_one():
    assert check_label_ids(database(('a', None), ('b', None)), '') == ({}, [])
    _, defects = check_label_ids(database(('a', None), ('b', 0), ('a', None)), '')
    assert [(defect.kind, defect.video_id) for defect in defects] == [('missing-label-id', 'v0')]


def test_labels_to_ignore_need_no_id():
    assert check_label_ids(database(('Ambiguous', None), ('b', 0)), '', {'Ambiguous'}) == (dict(b=0), [])


def test_names_stand_in_the_order_of_their_ids():
    assert class_names('ab', dict(a=2, b=0)) == ('b', 'unused_1', 'a')
    assert class_names('ba', {}) == ('a', 'b')
    assert class_names('', {}) == ()
