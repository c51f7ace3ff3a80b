"""The commands of who holds the machine: they ask the hub what everybody asks, by another door."""
