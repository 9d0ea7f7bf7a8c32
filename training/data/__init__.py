"""Data: batches, preparation, data sets that are made or come with the package, and files of others."""
