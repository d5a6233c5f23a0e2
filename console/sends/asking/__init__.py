"""What people type into the search box of the history, and what of it are filters."""
