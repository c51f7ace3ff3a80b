"""Floor 4, the simulator: the same core, wire, mirror and memory store in a toy world.

Only the clock, the links and the disk are toys. One seed decides everything; the same seed gives
the same trace, byte for byte.
"""
