"""PostgreSQL from a wheel, for running the console without a database server of one's own."""
