"""Load for the figures. In: recordings. Out: paced streams, sessions and servers with their timings."""
