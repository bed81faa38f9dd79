"""HTTP as the client uses it. The only folder with sockets, beside `phi4_space._hub`."""
