"""Pins and products → steps, each with a content key.

::

    steps.py   what a plan is made of
    keys.py    which files decide what a step leaves
    facts.py   what the manifest says before anything is built
    make.py    product, platform and files → steps

Pure: what is on the disk comes in as `keys.Materials`.
"""
