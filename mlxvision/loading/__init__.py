"""From a name to a directory of files, from there to a model in memory, and back."""
