"""YAML to frozen values, with every error at its line; the schema and the sample come from here."""
