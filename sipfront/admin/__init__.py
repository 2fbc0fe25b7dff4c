"""The HTTP API: status, the levers, metrics, events.  May import everything but demo and cli."""
