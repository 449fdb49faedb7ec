"""How the steps of a plan are carried out that are the same for every interpreter."""
