"""Compares the loop with awslambdaric, which Lambda's managed Python runs: same cases, same interpreter, every byte.

``nox -s conformance`` runs each case of ``cases/`` on both, against a fake Runtime API. A difference must be declared
with its case, with the rule that requires it; one that is not declared fails the session, and so does one that is
declared but does not occur. The results are in ``docs/conformance.md``.
"""
