"""How values get into the texts of notices: what is read of them, how a language writes them, and
what they can't do to the text around them."""
