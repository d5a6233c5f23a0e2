"""What a page is compared with: a bare Django view with one query and a template of 20 kB."""
