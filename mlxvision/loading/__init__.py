"""From a directory of files to a model in memory, and back."""
