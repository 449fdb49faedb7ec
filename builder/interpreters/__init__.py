"""The interpreters that layers are built of; each is a plug-in that the engine loads by its name."""
