"""Errors that a user can mend: shown as one message, without a traceback, by the tools."""


class UserInputError(ValueError):
    """Something outside the program is missing or wrong; the message says what, where, and how to mend it."""
