"""What processes of ours are started with: nothing that is secret."""

import os
from collections.abc import Mapping

# A child that draws, or serves the practice gateway, needs none of these, and whoever may look at
# it would see them: keys and tokens of any service, and proxies, whose URLs hold passwords.
SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSW", "CREDENTIAL", "_PROXY", "HEADRACE")


def environment_without_secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment, without what is a secret by its name."""
    return {
        name: value
        for name, value in environment.items()
        if not any(word in name.upper() for word in SECRET_WORDS)
    }
