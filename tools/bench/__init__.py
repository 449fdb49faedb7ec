"""What the loop costs, beside awslambdaric, beside the least that Python can do, on the same interpreter.

``nox -s bench -- coldstart`` and ``nox -s bench -- invoke``. Every subject takes its turn in every round of one run,
so that what else the machine does falls on all of them alike.
"""
