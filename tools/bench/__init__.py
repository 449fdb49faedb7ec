"""Measures the loop against awslambdaric and against the minimum that Python can do, on the same interpreter.

``nox -s bench -- coldstart`` and ``nox -s bench -- invoke``. The subjects take turns within one run, so that other load
on the machine affects all of them alike. ``nox -s bench -- memory`` measures what memory they take.
"""
