"""Pages of what people hear of, and of whether mail works."""
