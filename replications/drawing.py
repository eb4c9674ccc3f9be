"""How every picture of the suite is drawn: by matplotlib as it comes, whatever the user has set for it.

Import matplotlib from here alone, and draw inside of `plain`: sheets and plots are results whose bytes are compared.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from replications.environment import drop_settings
from replications.errors import ReplicationError


class DrawingError(ReplicationError):
    """A matplotlib that cannot be imported."""


drop_settings()  # MPLBACKEND, MATPLOTLIBRC
logging.getLogger("matplotlib").setLevel(logging.ERROR)  # what it has to say of settings that count for nothing here
try:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
except (ValueError, OSError) as error:
    raise DrawingError(
        f"matplotlib cannot be imported ({error}); expected a matplotlibrc that it can read, here or in "
        "~/.config/matplotlib, or none: mend it, or move it away"
    ) from None

__all__ = ["Axes", "Line2D", "plain", "plt"]


@contextmanager
def plain() -> Iterator[None]:
    """Matplotlib's own defaults, drawn into memory; for a function that draws and saves, as its decorator."""
    with plt.rc_context():
        matplotlib.rcdefaults()
        yield
