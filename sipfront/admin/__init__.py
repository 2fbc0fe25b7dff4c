"""The front's HTTP side: health, metrics, status, and the operator's levers.

It speaks to the running front through :class:`sipfront.admin.port.ControlPort` only.
"""
