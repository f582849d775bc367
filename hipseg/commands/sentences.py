"""Hydra's errors as one line that names the key and the fix."""

from __future__ import annotations

import re
from typing import Final

from hydra.errors import OverrideParseException

from hipseg.config import conf_folder

_QUOTING: Final = (
    "write key=value, in single quotes for the shell; a value with spaces, commas, brackets, = or # needs double "
    "quotes of its own, as in 'data.store=\"a b, c.h5\"'"
)


def sentence(error: BaseException, command: str) -> str:
    """An error as one line that names the key and the fix."""
    text = str(error)
    if "in DataLoader worker process" in text:  # with the worker's traceback, whose last line is the error's
        return text.strip().splitlines()[-1].partition(": ")[2] or text.strip().splitlines()[-1]
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: this can't be read or written ({error.strerror}); name another or see to its rights"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        return (
            f"{match[1]}: a comma makes this a sweep, which {command} takes with -m alone; {_QUOTING}"
            if (command in ("train", "evaluate"))
            else f"{match[1]}: a comma separates values; {_QUOTING}"
        )
    if match := re.search(r"HipsegError raised while resolving interpolation: ([^\n]+)", text):
        return match[1]
    if isinstance(error, OverrideParseException):
        return f"{error.override}: this can't be read ({text.splitlines()[0].strip()}); {_QUOTING}"
    if match := re.search(r"Could not find '([^']+)/([^'/]+)'\s+Available options in '[^']+':((?:\n\t[^\n]+)+)", text):
        return f"{match[1]}: there is no option '{match[2]}'; choose {', '.join(match[3].split())}"
    if match := re.search(r"Could not load '([^'/]+)/([^']+)'", text):
        choices = sorted(path.stem for path in (conf_folder() / match[1]).glob("*.yaml"))
        return f"{match[1]}: there is no option '{match[2]}'; choose {', '.join(choices)}"
    if match := re.search(r"An item is already at '([^']+)'", text):
        return f"{match[1]}: this key is there already; leave out the +"
    if match := re.search(r"Could not (?:override|append to config|delete)[^']*'([^']+)'", text):
        return f"{match[1]}: there is no such key; 'hipseg {command} --help' lists them all"
    return " ".join(text.split()) or type(error).__name__
