"""`python -m training DATA`: writes the script of a training, runs that very file, and leaves it to be changed.

What one chapter makes, the next one takes: `options` reads the command line, `table` the CSV file, `columns` decides
what its columns are, `known` says the same of the data sets that come with the package; out of that `script` makes the
text of the file, and `command` writes and runs it. `wording` has the errors, and texts that are safe inside of code.
"""

from .command import main

__all__ = ["main"]
