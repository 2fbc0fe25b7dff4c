"""The sample configuration and the units, installed as ``sipfront.sample``: data, no code."""
