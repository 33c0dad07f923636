/* TODO: later. FIXME too. Also XXX, but XX000 is an SQLSTATE. */
static const char path[] = "/home/somebody/src";
