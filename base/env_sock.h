/* env_sock.h: the socket calls of the env seam; included by env.h, which says what they promise. */
#ifndef CAIRN_BASE_ENV_SOCK_H
#define CAIRN_BASE_ENV_SOCK_H

#include "base/env.h"

/* Port 0: the system chooses (listener_port tells). Every core of a node may listen on the same
 * port (SO_REUSEPORT); each gets its share of the connections. */
MUST_CHECK static inline int sock_listen(struct task *task, const char *host, uint16_t port,
                                         struct listener **out, struct err *err)
{
    return task->env->ops->sock_listen(task, host, port, out, err);
}
static inline uint16_t listener_port(struct listener *listener)
{
    return listener->env->ops->listener_port(listener);
}
MUST_CHECK static inline int listener_accept(struct task *task, struct listener *listener,
                                             struct sock **out, struct err *err)
{
    return listener->env->ops->listener_accept(task, listener, out, err);
}
/* A task in listener_accept gets ERR_CONNECTION_FAILURE. */
static inline void listener_close(struct listener *listener)
{
    listener->env->ops->listener_close(listener);
}
MUST_CHECK static inline int sock_connect(struct task *task, const char *host, uint16_t port,
                                          struct sock **out, struct err *err)
{
    return task->env->ops->sock_connect(task, host, port, out, err);
}
/* At least one byte, or *got == 0 at the end of the stream. */
MUST_CHECK static inline int sock_read(struct task *task, struct sock *sock, void *out, size_t len,
                                       size_t *got, struct err *err)
{
    return sock->env->ops->sock_read(task, sock, out, len, got, err);
}
MUST_CHECK static inline int sock_writev(struct task *task, struct sock *sock,
                                         const struct file_iov *iov, int iov_count, struct err *err)
{
    return sock->env->ops->sock_write(task, sock, iov, iov_count, err);
}
MUST_CHECK static inline int sock_write(struct task *task, struct sock *sock, const void *data,
                                        size_t len, struct err *err)
{
    struct file_iov iov = {data, len};
    return sock->env->ops->sock_write(task, sock, &iov, 1, err);
}
/* Sends what the system takes and keeps the rest; never sleeps. Fails only on a broken connection.
 */
MUST_CHECK static inline int sock_queue(struct sock *sock, const struct file_iov *iov,
                                        int iov_count, struct err *err)
{
    return sock->env->ops->sock_queue(sock, iov, iov_count, err);
}
static inline size_t sock_queued_bytes(const struct sock *sock)
{
    return sock->env->ops->sock_queued_bytes(sock);
}
/* fn(sock, arg) once, on the scheduler's stack, when there is something to read (or the end): an
 * idle session waits without a fiber. fn NULL takes it back. If bytes are here already, fn is
 * called in the next turn. */
static inline void sock_on_readable(struct sock *sock, sock_ready_fn *fn, void *arg)
{
    sock->env->ops->sock_on_readable(sock, fn, arg);
}
/* No more reads or writes succeed; tasks waiting in them wake with an error. sock_close comes
 * later. */
static inline void sock_shutdown(struct sock *sock)
{
    sock->env->ops->sock_shutdown(sock);
}
/* Sends what is queued in the background and frees. No task may be waiting on the socket. */
static inline void sock_close(struct sock *sock)
{
    sock->env->ops->sock_close(sock);
}
/* Hands the connection to another core of the node. No task may be waiting on it, nothing queued or
 * read ahead. `sock` is gone afterwards, also on error; *out belongs to `to`. */
MUST_CHECK static inline int sock_move(struct task *task, struct sock *sock, struct core *to,
                                       struct sock **out, struct err *err)
{
    return sock->env->ops->sock_move(task, sock, to, out, err);
}
/* "127.0.0.1:40312" */
static inline const char *sock_peer(const struct sock *sock)
{
    return sock->env->ops->sock_peer(sock);
}

#endif
