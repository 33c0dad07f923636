/* demo.h: `cairnd demo`: a cluster of real processes on loopback.
 *
 * The parent starts one `cairnd start` a node (this same program), waits until each is ready, prints where they are, and ends them all
 * when it is told to end. Node i serves SQL on sql_port + i - 1, RPC on sql_port + 100 + i - 1, HTTP on sql_port + 200 + i - 1; its data
 * is in DIR/node-i, its log in DIR/node-i.log. The same DIR again brings the same data back.
 *
 * This file talks to the operating system directly: it is a launcher of processes, not a part of a node.
 */
#ifndef CAIRN_SERVER_DEMO_H
#define CAIRN_SERVER_DEMO_H

#include <stdbool.h>

struct demo_options {
    int nodes;          /* 1..9 */
    const char *dir;
    int sql_port;
    bool no_shell;
};

/* Runs until a signal or the shell ends. program: path of this executable. The exit status. */
int demo_run(const char *program, const struct demo_options *options);

#endif
