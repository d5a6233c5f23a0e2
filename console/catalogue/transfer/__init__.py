"""The catalogue as a file (CSV, XLSX or JSON), exported from one installation into another."""
