"""The bar hands on what it is given, and is silent where there is no terminal."""

from mmdel.utils.progress import show_progress


def test_items_pass_through_in_silence(capfd):
    assert list(show_progress(iter('abc'), 3, 'letters')) == ['a', 'b', 'c']
    assert capfd.readouterr() == ('', '')
