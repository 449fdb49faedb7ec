"""CPython: recipes, the tree that ships, its bytecode, and packages from wheels."""
