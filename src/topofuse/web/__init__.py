"""The local page and its HTTP interface: structure files in, classes and pictures out; nothing leaves the machine."""
