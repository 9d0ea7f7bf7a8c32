"""Every derivative is proven: backward against finite differences of forward, and what a wrong one looks like."""

from .gradient_check import check_gradients
from .gradient_report import GradientError, GradientReport

__all__ = ["GradientError", "GradientReport", "check_gradients"]
