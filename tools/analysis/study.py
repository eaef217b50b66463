"""Train and test what a study lists, configs and seeds, and put the results into one table.

What is done is not done again, what was stopped goes on, and what fails does not keep the rest from being done.

Examples:
    python tools/analysis/study.py configs/studies/demo_parts.py
    python tools/analysis/study.py configs/studies/demo_parts.py --jobs 2
    python tools/analysis/study.py configs/studies/demo_parts.py --table --epochs --plot parts.png
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from study_file import read_study, take_over
from study_runs import StudyRunner, launch
from study_table import DPI, draw, summarize, summary_json, table_text

from mmdel.utils.command_line import require_writable
from mmdel.utils.errors import UserInputError
from mmdel.utils.files import write_json
from mmdel.utils.number_format import add_amp_option
from mmdel.utils.run_command import run_command


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('study', help='file of a study, such as those in configs/studies')
    parser.add_argument('--work-dir', help='folder of all runs (default: work_dirs/studies/<name of the study>)')
    parser.add_argument('--jobs', type=int, default=1, metavar='N', help='runs side by side (default: 1)')
    add_amp_option(parser, default='what the configs say')
    parser.add_argument('--rerun', action='store_true', help='begin anew, and remove, what is of another config')
    parser.add_argument('--results', metavar='FILE', help='a --json of elsewhere: what it holds counts as done')
    parser.add_argument('--table', action='store_true', help='run nothing: only show what is done')
    parser.add_argument('--epochs', action='store_true', help='a column for each validated epoch')
    parser.add_argument('--json', metavar='FILE', help='write the numbers of the table there')
    parser.add_argument('--plot', metavar='FILE', help='draw them there')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    logging.disable(logging.INFO)  # mmengine tells how every parameter was initialised
    if args.jobs < 1:
        raise UserInputError(f'--jobs must be 1 or more, got {args.jobs}')
    for option in ('json', 'plot'):
        if getattr(args, option):
            require_writable(f'--{option}', getattr(args, option))
    study = read_study(args.study)
    runs = study.runs(Path(args.work_dir or f'work_dirs/studies/{Path(args.study).stem}'))
    if args.results:
        take_over(runs, args.results)
    left_out = [] if args.table else StudyRunner(runs, study.metric, launch, args.jobs, args.rerun, args.amp)()
    summary = summarize(study, runs)
    print(table_text(study, summary, args.epochs))
    if args.json:
        write_json(args.json, summary_json(study, summary), indent=1)
    if args.plot:
        draw(study, summary).savefig(args.plot, dpi=DPI)
    if left_out:
        print(f'{len(left_out)} of {len(runs)} runs are not done:', *left_out, sep='\n  ', file=sys.stderr)
        sys.exit(1)


if __name__ == '__main__':
    run_command(main)
