"""`python -m training`: a first training without a line of code. What it does is in the chapters of `first_try`."""

import sys

from .first_try import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
