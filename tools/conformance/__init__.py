"""The loop beside awslambdaric, which Lambda's managed Python runs: the same cases, the same interpreter, every byte.

``nox -s conformance`` runs each case of ``cases/`` through both, against the fake Runtime API of ``tools/support``. A
difference must be told beside its case, with the rule that asks for it; one that is not told fails the session, and
so does one that is told and is not there. ``docs/conformance.md`` is its table.
"""
