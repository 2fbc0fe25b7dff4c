"""``python -m sipfront`` is the command ``sipfront``."""

import sys

from sipfront.cli import main

if __name__ == "__main__":
    sys.exit(main())
