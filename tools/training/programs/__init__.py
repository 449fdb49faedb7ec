"""Programs that an instrumented interpreter is trained with. Deterministic; none is a benchmark of pyperformance."""
