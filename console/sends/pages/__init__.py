"""Pages of sends."""
