/*
 * floor: the least a chat server can do, to measure others against.
 *
 * It splits what clients send into lines, gathers the complete lines of all clients of one
 * wake-up, and hands them to every client (the sender too) with one send() each. It parses
 * nothing, stores nothing and knows no names. Usage: floor PORT (0: any free one).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = 65536, LINE = 65536, CHUNK = 262144, UNSENT = 16 << 20 };

struct text { char *data; size_t len, room; };
struct client { struct text in, out; int place; }; /* place: where `present` lists it */

static struct client clients[CLIENTS]; /* by file descriptor; untouched pages cost nothing */
static int present[CLIENTS], presents, epoll;
static struct text batch; /* the lines of this wake-up */

static void die(const char *what) { perror(what); exit(1); }

static void append(struct text *text, const char *data, size_t len)
{
    if (text->len + len > text->room) {
        text->room = (text->len + len) * 2;
        if (!(text->data = realloc(text->data, text->room))) die("realloc");
    }
    memcpy(text->data + text->len, data, len);
    text->len += len;
}

static void part(int fd)
{
    struct client *client = &clients[fd];
    int last = present[--presents];
    present[client->place] = last;
    clients[last].place = client->place;
    free(client->in.data);
    free(client->out.data);
    *client = (struct client){0};
    close(fd);
}

static void watch(int op, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(epoll, op, fd, &event)) die("epoll_ctl");
}

static void welcome(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= CLIENTS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        clients[fd].place = presents;
        present[presents++] = fd;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

static void gather(int fd)
{
    static char chunk[CHUNK];
    struct text *in = &clients[fd].in;
    ssize_t got = recv(fd, chunk, sizeof chunk, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) { part(fd); return; }
    char *line = chunk, *end = chunk + got, *newline;
    while ((newline = memchr(line, '\n', end - line))) {
        if (in->len) { append(&batch, in->data, in->len); in->len = 0; }
        append(&batch, line, newline + 1 - line);
        line = newline + 1;
    }
    if (line < end) append(in, line, end - line); /* an unfinished line waits for its rest */
    if (in->len > LINE) part(fd);
}

/* Sends, and keeps for EPOLLOUT what the socket does not take. */
static void give(int fd, const char *data, size_t len)
{
    struct text *out = &clients[fd].out;
    if (out->len) { /* older bytes go first */
        append(out, data, len);
        if (out->len > UNSENT) part(fd);
        return;
    }
    ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) { part(fd); return; }
    if (sent < 0) sent = 0;
    if ((size_t)sent < len) {
        append(out, data + sent, len - sent);
        watch(EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    }
}

static void flush(int fd)
{
    struct text *out = &clients[fd].out;
    ssize_t sent = send(fd, out->data, out->len, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) { part(fd); return; }
    if (sent <= 0) return;
    memmove(out->data, out->data + sent, out->len -= sent);
    if (!out->len) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
}

int main(int argc, char **argv)
{
    static struct epoll_event events[CLIENTS];
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                               .sin_port = htons(argc > 1 ? atoi(argv[1]) : 0)};
    socklen_t size = sizeof here;
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (void *)&here, size) || listen(listener, 4096)) die("listen");
    if (getsockname(listener, (void *)&here, &size)) die("getsockname");
    if ((epoll = epoll_create1(0)) < 0) die("epoll_create1");
    watch(EPOLL_CTL_ADD, listener, EPOLLIN);
    printf("ready 127.0.0.1:%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll, events, CLIENTS, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        batch.len = 0;
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) { welcome(listener); continue; }
            if (events[i].events & EPOLLOUT && clients[fd].out.len) flush(fd);
            else gather(fd);
        }
        /* Downwards: part() puts the last of the list in the place of who leaves. */
        for (int i = presents; batch.len && i-- > 0;) give(present[i], batch.data, batch.len);
    }
}
