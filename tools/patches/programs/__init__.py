"""Programs of a single subject each, by which a patch is judged: `work` once is some millions of instructions."""
