"""Examples are not timed one by one: a busy machine would fail tests that are right."""

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
