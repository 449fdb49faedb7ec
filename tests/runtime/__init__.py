"""The loop in a process of its own, against a Runtime API that can misbehave at any byte."""
