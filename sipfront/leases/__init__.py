"""Who may decide: leases with an epoch.  Imports control and nothing else of sipfront."""
