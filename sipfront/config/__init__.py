"""The configuration: YAML to frozen values, with every error at its line.

It knows nothing of the running front; whoever is below the line of pure folders may import it.
The model itself is in :mod:`sipfront.config.model`.
"""

from sipfront.config.load import load, parse, state_folder
from sipfront.config.model import Config
from sipfront.config.problem import ConfigError, Problem
from sipfront.config.schema import schema

__all__ = ["Config", "ConfigError", "Problem", "load", "parse", "schema", "state_folder"]
