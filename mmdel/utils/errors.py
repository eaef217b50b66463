"""Errors that a user can mend: shown as one message, without a traceback, by the tools."""

import re
from pickle import UnpicklingError
from typing import Any

from mmdel.utils.names import visible


class UserInputError(ValueError):
    """Something outside the program is missing or wrong; the message says what, where, and how to mend it.

    What a message quotes from a file cannot steer the terminal: control characters are shown by their codes.
    """

    def __init__(self, message: str, *args: Any) -> None:
        super().__init__(visible(message, kept='\n\t'), *args)


class Interrupted(KeyboardInterrupt):
    """A signal has ended a training in good order; the message says how to go on.

    Attributes:
        signum: The signal.
    """

    def __init__(self, signum: int, message: str) -> None:
        super().__init__(message)
        self.signum = signum


def refusal(error: UnpicklingError) -> str:
    """Why torch does not read a file, without its advice to read it nevertheless."""
    text = str(error)
    if 'WeightsUnpickler error: ' in text:
        text = text.rsplit('WeightsUnpickler error: ', maxsplit=1)[1]
    elif 'weights_only' in text:
        return 'it is no file of weights'
    return re.split(r' Please |\n', text.strip().replace(' via `add_safe_globals`', ''), maxsplit=1)[0]
