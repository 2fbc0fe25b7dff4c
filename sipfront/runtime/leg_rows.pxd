# Compiled without types of its own; the meaning stands in leg_rows.py.
