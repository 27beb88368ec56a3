"""A stream as long as one likes, from a server that is fast enough not to be what is measured."""
