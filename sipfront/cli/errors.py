"""How a verb ends when it does not end well.

::

    Failed     the thing asked for failed: exit code 1
    Usage      bad usage or configuration: exit code 2

Both carry one sentence, which is all that is printed.
"""


class Failed(Exception):
    """The thing asked for failed."""


class Usage(Exception):
    """The command or the configuration is not one that can be carried out."""
