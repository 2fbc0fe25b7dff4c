# Compiled without types of its own; the meaning stands in tagmap.py.
