"""librpm's Python bindings, loaded once."""

import sys
import threading
from typing import Any

_loading = threading.Lock()


def load_rpm() -> Any:
    """Return the module `rpm`.

    In a virtual environment that is a shim at first, which looks for the distribution's bindings and puts these in its own
    place: a second thread that imports it meanwhile would get the shim.
    """
    with _loading:
        import rpm  # noqa: F401  # what is imported may not be what is there afterwards

        return sys.modules["rpm"]
