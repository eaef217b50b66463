"""A diagnosis as tables, as a picture and as JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from terminaltables import AsciiTable

from mmdel.evaluation.functional.diagnosis import ERROR_KINDS, KINDS, Diagnosis
from mmdel.events.picture import write_png
from mmdel.utils.files import write_json, written_whole

COLORS = ('#4c9f70', '#8e6bbf', '#d1495b', '#edae49', '#e07a3f', '#b0b7bf')


def diagnosis_dict(diagnosis: Diagnosis) -> dict:
    """The diagnosis as plain numbers; scores and shares in percent."""
    return {
        'tIoU': diagnosis.tiou,
        'mAP': 100 * diagnosis.map,
        'normalised mAP': 100 * diagnosis.normalised_map,
        'predictions': dict(zip(KINDS, diagnosis.num_predictions.tolist(), strict=True)),
        'share of false positives': {
            name: 100 * float(share) for name, share in zip(ERROR_KINDS, _error_shares(diagnosis), strict=True)
        },
        'profile': [dict(zip(KINDS, row.tolist(), strict=True)) for row in diagnosis.profile],
        'mAP gained': {name: 100 * gain for name, gain in diagnosis.gains.items()},
        'sensitivity': {
            name: {
                bucket: {'events': num, 'found': 100 * found, 'normalised mAP': 100 * value}
                for bucket, (num, found, value) in buckets.items()
            }
            for name, buckets in diagnosis.sensitivity.items()
        },
    }


def diagnosis_tables(diagnosis: Diagnosis) -> str:
    """The diagnosis as text."""
    errors = [['kind', 'predictions', 'share of errors [%]', 'mAP gained']]
    for name, num, share in zip(ERROR_KINDS, diagnosis.num_predictions[1:], _error_shares(diagnosis), strict=True):
        errors.append([name, str(num), f'{100 * share:.1f}', f'{100 * diagnosis.gains[name]:+.2f}'])
    errors.append(['missed events', '', '', f'{100 * diagnosis.gains["missed"]:+.2f}'])
    sensitivity = [['', '', 'events', 'found [%]', 'normalised mAP [%]']]
    for name, buckets in diagnosis.sensitivity.items():
        for k, (bucket, (num, found, value)) in enumerate(buckets.items()):
            sensitivity.append(['' if k else name, bucket, str(num), f'{100 * found:.1f}', f'{100 * value:.2f}'])
    sensitivity.append(['all', '', '', '', f'{100 * diagnosis.normalised_map:.2f}'])
    head = f'Diagnosis at tIoU {diagnosis.tiou:g}: mAP {100 * diagnosis.map:.2f}'
    return '\n'.join([head, AsciiTable(errors).table, AsciiTable(sensitivity).table])


def _error_shares(diagnosis: Diagnosis) -> np.ndarray:
    errors = diagnosis.num_predictions[1:]
    return errors / max(errors.sum(), 1)


def diagnosis_figure(diagnosis: Diagnosis) -> Figure:
    """The diagnosis as a picture: profile of the best predictions, gains, sensitivity."""
    figure = Figure(figsize=(15, 4.6), dpi=110, layout='constrained')
    profile, gains, sensitivity = figure.subplots(1, 3, width_ratios=(1, 0.8, 1.5))
    steps = np.arange(1, len(diagnosis.profile) + 1)
    shares = 100 * diagnosis.profile / np.maximum(diagnosis.profile.sum(axis=1, keepdims=True), 1)
    for name, color, low, share in zip(KINDS, COLORS, (shares.cumsum(axis=1) - shares).T, shares.T, strict=True):
        profile.bar(steps, share, bottom=low, color=color, label=name)
    profile.set(title='The best k·n predictions of a class with n events', xlabel='k', ylabel='share [%]', xticks=steps)
    profile.legend(fontsize=8, ncols=3, loc='upper center', bbox_to_anchor=(0.5, -0.14))

    names = list(diagnosis.gains)
    gains.bar(names, [100 * diagnosis.gains[name] for name in names], color=[*COLORS[1:], '#40798c'])
    gains.tick_params(axis='x', rotation=35)
    gains.set(title=f'mAP gained by fixing (mAP@{diagnosis.tiou:g} = {100 * diagnosis.map:.1f})', ylabel='points')

    ticks: list[int] = []
    labels: list[str] = []
    place = 0
    for name, buckets in diagnosis.sensitivity.items():
        values = [100 * value for _, _, value in buckets.values()]
        sensitivity.bar(range(place, place + len(values)), values, label=name)
        ticks += range(place, place + len(values))
        labels += list(buckets)
        place += len(values) + 1
    sensitivity.axhline(100 * diagnosis.normalised_map, color='black', linestyle='--', linewidth=1, label='all events')
    sensitivity.set_xticks(ticks, labels, rotation=35, ha='right')
    sensitivity.set_title('Sensitivity', loc='left')
    sensitivity.set(ylabel='normalised mAP [%]')
    sensitivity.legend(fontsize=8, ncols=2, loc='lower right', bbox_to_anchor=(1, 1.06))
    return figure


def write_diagnosis(diagnosis: Diagnosis, out_dir: str | Path, stem: str = 'diagnosis') -> list[Path]:
    """Write ``<stem>.json``, ``.txt`` and ``.png`` to a folder, which is created; returns their paths.

    Raises:
        UserInputError: If one cannot be written.
    """
    paths = [Path(out_dir, f'{stem}{suffix}') for suffix in ('.json', '.txt', '.png')]
    write_json(paths[0], diagnosis_dict(diagnosis), indent=2)
    with written_whole(paths[1]) as text:
        text.write(diagnosis_tables(diagnosis) + '\n')
    with written_whole(paths[2], 'wb') as picture:
        write_png(diagnosis_figure(diagnosis), picture)
    return paths
