"""What holds for all tests."""

from hypothesis import settings

# How long an example takes is the machine's business: other work on it must fail no test.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")
