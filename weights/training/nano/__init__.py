"""The recipe of the bundled model: drawn pictures in, a trained checkpoint out. See ../README.md."""
