"""sipfront: the fixed front door of a hot-standby pair of PBXs."""

__version__ = "0.1.0"
