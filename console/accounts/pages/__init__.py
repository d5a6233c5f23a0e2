"""Pages of accounts: signing in, people, teams and API clients."""
