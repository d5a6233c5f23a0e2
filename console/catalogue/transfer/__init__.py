"""The catalogue as a file: CSV, XLSX or JSON, out of one installation and into another."""
