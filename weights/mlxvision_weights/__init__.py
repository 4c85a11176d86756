"""The register of known checkpoints, the recipes for converting them, and the bundled model: data, and little code."""
