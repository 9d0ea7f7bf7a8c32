"""Pictures of trainings: the one place that knows matplotlib, and it knows nothing else of the house.

Each function draws what it is handed, anything with the few names that its protocol lists, and returns its matplotlib
figure. It shows nothing: `figure.savefig("loss.png")`, or the last line of a cell of a notebook. Pyplot does not know
the figure, so that `plt.show()` shows it only after `plt.figure(figure)`, which matplotlib 3.11 has.
"""

from .circuit import plot_circuit
from .confusion import plot_confusion_matrix
from .diagnostics import plot_diagnostics
from .graphviz import dot_of
from .histories import plot_histories, plot_history
from .page import page_of, svg_of, write_page
from .rates import plot_rate_range, plot_schedule
from .style import COLORS

__all__ = [
    # what a training did, epoch by epoch
    "plot_history",
    "plot_histories",
    # learning rates: those of a schedule, and the test that finds one
    "plot_schedule",
    "plot_rate_range",
    # a look inside a network, layer by layer
    "plot_diagnostics",
    # a computation as a circuit; the same as SVG, as a page that goes through it, and for Graphviz
    "plot_circuit",
    "svg_of",
    "page_of",
    "write_page",
    "dot_of",
    # which class was taken for which
    "plot_confusion_matrix",
    # what all of them are drawn with
    "COLORS",
]
