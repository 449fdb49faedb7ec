"""A function on the built layer, under AWS's own Runtime Interface Emulator.

::

    emulator.py   the pinned emulator
    places.py     where it runs: a container that is like Lambda, or this machine with the layer at /opt
    inside.py     what runs in there, on the layer's interpreter: starts the emulator, sends the event, takes measures
    call.py       what is asked for → what came of it, and how that is told
"""
