"""How values are filled into the texts of notices: how they are read, how a language writes them,
and how they are kept from changing the text around them."""
