"""What a build writes down: the tree at /opt as archives, and the attestations beside them."""
