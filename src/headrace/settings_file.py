"""The name of the settings file, for the command line's root and for what reads a table of it."""

SETTINGS_FILE = "headrace.toml"  # in the current directory
