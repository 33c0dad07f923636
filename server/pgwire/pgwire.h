/* pgwire.h: PostgreSQL's frontend/backend protocol 3.0 on a socket.
 *
 * A connection is a state object with an input and an output buffer. While it is idle it has no
 * fiber: the socket's readability starts one, which handles every complete message that has arrived
 * and leaves again. Answers gather in the output buffer and leave in one write when the input is
 * used up; a long result is written as it comes, and waits while the client does not read.
 *
 *   conn.c      bytes, buffers, the life of a connection, startup
 *   message.c   messages to and from the session
 *   rows.c      RowDescription, DataRow
 *
 * Invariants
 * 1. Before authentication a connection holds at most 32 KiB; a startup packet is at most 10,000
 * bytes and must come within the deadline.
 * 2. After an error in the extended protocol everything up to Sync is skipped.
 * 3. A message with a bad type, length or layout is 08P01 and ends the connection; the server goes
 * on.
 * 4. Output that was not written yet can be taken back (rewind), which is what lets a statement run
 * again.
 *
 * Fails: nothing reaches the caller: errors end the connection.
 */
#ifndef CAIRN_SERVER_PGWIRE_PGWIRE_H
#define CAIRN_SERVER_PGWIRE_PGWIRE_H

#include "server/sql/session.h"

struct sock;

/* Serves the connection; owns the socket. On its core. */
void pgwire_accept(struct core *core, struct sql_node *node, struct sock *take_sock);
/* Asks every connection of the running core to end; true when none is left. */
bool pgwire_stop_core(struct core *core);

#endif
