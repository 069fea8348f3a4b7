"""Doing it: schedule, limit, send, retry, record; and the command line's root."""
