# Compiled without types of its own; the meaning stands in journal.py.
