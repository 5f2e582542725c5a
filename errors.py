"""The errors a user can meet: each says what was wrong, where, and what to do.

The command line prints any of them as one line and exits with `exit_code`.
"""

from __future__ import annotations


class Dsv3Error(Exception):
    """Whatever dsv3 raises on purpose."""

    exit_code = 1


class InputError(Dsv3Error):
    """Input that cannot be used: a file, a record, a setting, an argument."""

    exit_code = 2


class RecordError(InputError):
    """One record that was rejected; `reason` says why, in a few words."""

    def __init__(self, reason: str, *, source: str = "", line: int | None = None) -> None:
        self.reason = reason
        self.source = source
        self.line = line
        where = f"{source}, line {line}: " if line is not None else f"{source}: " if source else ""
        super().__init__(where + reason)


class FilterError(InputError):
    """A filter that cannot be understood; the message names the position."""


class ShopError(Dsv3Error):
    """A shop that is missing, empty, or does not fit what was asked of it."""


class UnreadableError(ShopError):
    """A part of a shop that is there but may not be read; it is not damaged."""

    def __init__(self, path: object, why: str | None) -> None:
        super().__init__(f"{path} cannot be read: {why or 'no permission'}")


class DiskFullError(ShopError):
    """A file system with no room for what was to be written.

    Attributes:
        what: was to be written.
        then: what holds and what to do.
    """

    def __init__(self, what: str, then: str = "") -> None:
        self.what = what
        self.then = then
        super().__init__(f"{what}; {then}" if then else what)


class EncoderError(Dsv3Error):
    """An encoder that cannot be found, loaded or used."""


class MissingExtra(Dsv3Error):  # noqa: N818 - reads as the condition it names
    """An optional package that is not installed, with the line that installs it."""

    def __init__(self, package: str, extra: str, purpose: str, *, alone: str = "") -> None:
        """Take what is missing; `alone` is the command that installs it without its extra."""
        self.package = package
        self.extra = extra
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed; "
            f"install it with: {f'{alone}, or ' if alone else ''}pip install 'dsv3[{extra}]'"
        )
