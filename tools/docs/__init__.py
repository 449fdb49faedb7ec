"""``nox -s docs``: the pages that are written from code, and the site made of all pages."""
