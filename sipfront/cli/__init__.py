"""The command ``sipfront``: one verb a line, the same words as the HTTP side.

Exit codes: 0 fine, 1 the thing asked for failed, 2 bad usage or configuration.
"""

from sipfront.cli.main import main

__all__ = ["main"]
