"""A function on the built layer, under AWS's own Runtime Interface Emulator.

::

    emulator.py   the pinned emulator
    places.py     where it runs: a container that is like Lambda, or this machine with the layer at /opt
    guest.sh      the guest agent, which runs in there: starts the emulator, sends the event, reports
    guest.py      its protocol: what it is given, and what its output means
    image.py      the same for an image that has layer and function in it
    call.py       what is asked for → what came of it, and how that is told
"""
