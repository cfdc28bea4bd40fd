"""The types of glance-manage's actions and of their arguments."""

from collections.abc import Callable
import dataclasses
import textwrap
from typing import Any

from glance.common import progress

#: Flags of actions that may take long.
QUIET = {'quiet': progress.QUIET}
LONG = {**QUIET, 'json': 'write the result as one JSON object'}


class UsageError(Exception):
    """An argument is invalid; the message is for the operator."""


@dataclasses.dataclass(frozen=True)
class Argument:
    """An option of an action: a flag, or a positional argument.

    :ivar option: configuration option whose value is used if neither is given
    """

    name: str
    default: Any
    help: str
    option: str | None = None


@dataclasses.dataclass(frozen=True)
class Action:
    """An action ``db NAME``; ``run`` returns the exit code.

    :ivar switches: flags without a value, with their help texts
    :ivar flags: further ones, which are never positional
    :ivar words_switch: allow "True" as a positional argument for a switch
    :ivar creates: create a missing SQLite file
    :ivar example: command lines for ``--help``
    """

    help: str
    run: Callable[..., int]
    arguments: tuple[Argument, ...] = ()
    switches: dict[str, str] = dataclasses.field(default_factory=dict)
    flags: dict[str, str] = dataclasses.field(default_factory=dict)
    words_switch: bool = False
    creates: bool = False
    example: str = ''

    def examples(self) -> str:
        """Return the last part of ``--help``."""
        return 'example:\n' + textwrap.indent(self.example, '  ')
