/*
 * load: many clients of a chat in one process, cheap enough not to be what is measured.
 *
 * It connects N clients, registers them (mode molva), keeps W messages in flight, counts every
 * delivery, and prints one JSON line of figures. A message counts as answered when its sender
 * hears it back. Lines are told apart by how they begin; nothing is parsed but the id, and that
 * only by clients which wait for one.
 *
 * With -y 1 it polls while it measures: a send() to a sleeping reader on the same machine pays for
 * waking it, which depends on chance and which clients on other machines would not ask of the
 * server. The time in polls that find nothing is what the load has left. Where time is measured
 * and not CPU, it had better sleep: a core that is never free keeps the disk's workers waiting.
 *
 * The CPU of the server (all its threads) is read from its process clock, in nanoseconds, while
 * it rests: after the warm-up and again when every delivery has arrived.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTING = 200,     /* clients on their way in at a time */
    LINE = 65536 + 1024,  /* no line is longer */
    CHUNK = 262144,       /* read at a time */
    EVENTS = 1024,
    STALL = 20,           /* seconds without a byte, after which we give up */
    QUIET = 100,          /* milliseconds without a byte, after which the server rests */
    QUIET_AT_MOST = 5000,
};

struct client {
    int fd;
    bool connected, welcome;
    int waiting;         /* its own messages it has not heard back */
    long heard;          /* messages delivered to it */
    char *rest;          /* the beginning of an unfinished line */
    size_t rest_len;
};

static const char *host = "127.0.0.1", *mode = "floor", *what = "room", *prefix = "b";
static int port, clients_n = 100, in_flight = 1, warmup = 100, payload = 64, limit = 120;
static long messages = 1000;
static pid_t server;

static struct client *clients;
static int epoll, connected, welcomed, pongs;
static bool molva, whisper, polls, polling;
static const char *head; /* how a delivered message begins */
static size_t head_len;
static char *filler;
static long issued, target, answered, delivered, others, errors, received;
static uint64_t *sent_at, *latency; /* by number of the message, in nanoseconds */
static uint64_t first_sent, last_heard, give_up, idle; /* idle: in polls that found nothing */

static void die(const char *format, ...)
{
    va_list rest;
    va_start(rest, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    exit(1);
}

static uint64_t clock_of(clockid_t id)
{
    struct timespec now;
    if (clock_gettime(id, &now)) die("clock_gettime: %s", strerror(errno));
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static uint64_t now(void) { return clock_of(CLOCK_MONOTONIC); }

static uint64_t server_cpu(void)
{
    clockid_t id;
    if (!server) return 0;
    if (clock_getcpuclockid(server, &id)) die("no process %d", (int)server);
    return clock_of(id);
}

static void *room_for(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) die("out of memory");
    return memory;
}

static void watch(int op, int index, unsigned events)
{
    struct epoll_event event = {.events = events, .data.u32 = index};
    if (epoll_ctl(epoll, op, clients[index].fd, &event)) die("epoll_ctl: %s", strerror(errno));
}

static void say(int index, const char *line, int len)
{
    ssize_t sent = send(clients[index].fd, line, len, MSG_NOSIGNAL);
    if (sent == len) return;
    /* W messages of a benchmark fit any socket; a server that stopped reading is a failure. */
    die("client %d cannot send: %s", index, sent < 0 ? strerror(errno) : "the socket is full");
}

static void connect_one(int index)
{
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd < 0) die("socket: %s (raise the limit of open files?)", strerror(errno));
    if (inet_pton(AF_INET, host, &there.sin_addr) != 1) die("not an IPv4 address: %s", host);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients[index].fd = fd;
    if (connect(fd, (void *)&there, sizeof there) && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    watch(EPOLL_CTL_ADD, index, EPOLLOUT);
}

static void enrol(int index)
{
    char line[160];
    int len = snprintf(line, sizeof line,
        "{\"action\":\"registration\",\"name\":\"%s%d\",\"features\":[\"echo\"]}\n",
        prefix, index);
    say(index, line, len);
}

static void on_connected(int index)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(clients[index].fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) die("connect: %s", strerror(error));
    clients[index].connected = true;
    connected++;
    watch(EPOLL_CTL_MOD, index, EPOLLIN);
    if (molva && strcmp(what, "join")) enrol(index); /* join: all connect first */
    if (!molva) { clients[index].welcome = true; welcomed++; }
}

/* Sends the next message from the next client in turn. Its id begins with a number that grows, as
 * Molva's own clients' ids begin with the time. */
static void issue(void)
{
    static char line[LINE];
    long number = issued++;
    int index = number % clients_n, len;
    if (!molva) /* the floor sends on what it hears: it must hear what Molva would say */
        len = snprintf(line, sizeof line,
            "%s,\"text\":\"%s\",\"from\":\"%s%d\",\"room\":\"#general\",\"seq\":%ld,"
            "\"at\":\"2026-11-22T10:00:00.123Z\",\"id\":\"%010ld-%d\"}\n",
            head, filler, prefix, index, number + 1, number, index);
    else if (whisper)
        len = snprintf(line, sizeof line,
            "%s,\"to\":\"%s%d\",\"text\":\"%s\",\"id\":\"%010ld-%d\"}\n",
            head, prefix, index ^ 1, filler, number, index);
    else
        len = snprintf(line, sizeof line, "%s,\"text\":\"%s\",\"id\":\"%010ld-%d\"}\n",
            head, filler, number, index);
    clients[index].waiting++;
    sent_at[number] = now();
    say(index, line, len);
}

/* A client that waits hears a message: is it its own? */
static void match(int index, const char *line, const char *end)
{
    static const char key[] = "\"id\":\"";
    const size_t key_len = sizeof key - 1;
    const char *found = end - key_len;
    while (found >= line && (*found != '"' || memcmp(found, key, key_len))) found--;
    if (found < line) return; /* the id may be told to its sender alone */
    char *dash;
    long number = strtol(found + key_len, &dash, 10);
    if (*dash != '-' || strtol(dash + 1, NULL, 10) != index) return;
    if (number < 0 || number >= issued || number % clients_n != index || !sent_at[number])
        die("client %d heard message %ld, which it did not wait for", index, number);
    latency[number] = now() - sent_at[number];
    sent_at[number] = 0;
    clients[index].waiting--;
    answered++;
    if (issued < target) issue();
}

static void on_line(int index, const char *line, const char *end)
{
    struct client *client = &clients[index];
    size_t len = end - line;
    if (len > head_len && !memcmp(line, head, head_len)) {
        client->heard++;
        delivered++;
        if (client->waiting) match(index, line, end);
        return;
    }
    others++;
#define BEGINS(text) (len >= sizeof text - 1 && !memcmp(line, text, sizeof text - 1))
    if (BEGINS("{\"action\":\"pong\"") || BEGINS("{\"action\":\"ping\"")) {
        pongs++;
    } else if (BEGINS("{\"result\":\"successful\"") && !client->welcome) {
        client->welcome = true;
        welcomed++;
    } else if (BEGINS("{\"action\":\"error\"") || BEGINS("{\"result\":\"error\"")) {
        if (!errors++)
            fprintf(stderr, "load: client %d was told: %.*s\n", index, (int)(len < 500 ? len : 500),
                    line);
    }
}

static void on_bytes(int index)
{
    static char chunk[LINE + CHUNK];
    struct client *client = &clients[index];
    size_t kept = client->rest_len;
    if (kept) memcpy(chunk, client->rest, kept);
    ssize_t got = recv(client->fd, chunk + kept, CHUNK, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0)
        die("the server closed client %d: %s", index, got ? strerror(errno) : "end of file");
    received += got;
    char *line = chunk, *end = chunk + kept + got, *newline, *from = chunk + kept;
    while ((newline = memchr(from, '\n', end - from))) {
        on_line(index, line, newline);
        from = line = newline + 1;
    }
    client->rest_len = end - line;
    if (client->rest_len > LINE) die("client %d was sent a line longer than %d", index, LINE);
    if (!client->rest_len) return;
    if (!client->rest) client->rest = room_for(1, LINE);
    memcpy(client->rest, line, client->rest_len);
}

/* As epoll_wait(), polling. */
static int poll_for(struct epoll_event *events, int milliseconds)
{
    int ready = epoll_wait(epoll, events, EVENTS, 0);
    if (ready) return ready;
    uint64_t start = now(), until = start + milliseconds * 1000000ull, time = start;
    while (!ready && time < until) {
        ready = epoll_wait(epoll, events, EVENTS, 0);
        time = now();
    }
    idle += time - start;
    return ready;
}

/* One turn of the loop: false if the time went by and nothing came. */
static bool turn(int milliseconds)
{
    static struct epoll_event events[EVENTS];
    int ready = polling ? poll_for(events, milliseconds)
                        : epoll_wait(epoll, events, EVENTS, milliseconds);
    if (ready < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < ready; i++) {
        int index = events[i].data.u32;
        if (clients[index].connected) on_bytes(index);
        else on_connected(index);
    }
    if (errors) die("the server refused; the first refusal stands above");
    return ready != 0;
}

/* As turn(), where something has to come: says what is missing if it does not. */
static void expect(const char *missing)
{
    if (!turn(STALL * 1000) || now() > give_up)
        die("gave up waiting for %s: %d connected, %d welcome, %ld of %ld sent, %ld answered, "
            "%ld delivered", missing, connected, welcomed, issued, target, answered, delivered);
}

/* Waits until the server has said nothing for a while, so that its clock stands still. */
static void settle(void)
{
    uint64_t until = now() + QUIET_AT_MOST * 1000000ull;
    while (turn(QUIET) && now() < until) continue;
}

static void enter(double *connecting, double *entering)
{
    uint64_t start = now();
    bool joining = molva && !strcmp(what, "join");
    for (int begun = 0; welcomed < clients_n;) {
        int through = joining ? connected : welcomed;
        while (begun < clients_n && begun - through < CONNECTING) connect_one(begun++);
        if (joining && connected == clients_n) break;
        expect("the connections");
    }
    uint64_t middle = now();
    if (joining) {
        for (int i = 0; i < clients_n; i++) enrol(i);
        while (welcomed < clients_n) expect("the registrations");
    }
    *connecting = (middle - start) / 1e9;
    *entering = (now() - start) / 1e9;
}

/* After this the server has taken in every client. The floor hands a ping to everyone, as any
   line, and accepts in order: once all have heard it, it knows them all. */
static void fence(void)
{
    static const char ping[] = "{\"action\":\"ping\",\"id\":\"x\"}\n";
    int wanted = molva ? 1 : clients_n;
    for (int tries = 0; pongs < wanted; tries++) {
        if (tries == 20) die("the ping was not answered: %d of %d", pongs, wanted);
        pongs = 0;
        say(clients_n - 1, ping, sizeof ping - 1);
        while (pongs < wanted && now() < give_up && turn(1000)) continue;
    }
    pongs = 0;
}

static void run(long count)
{
    long heard_before = delivered, wanted = count * (whisper ? 2 : clients_n);
    target = issued + count;
    idle = 0;
    polling = polls;
    first_sent = now();
    for (int i = 0; i < in_flight && issued < target; i++) issue();
    while (delivered - heard_before < wanted || answered < target) expect("deliveries");
    last_heard = now();
    polling = false;
    if (delivered - heard_before > wanted) die("more was delivered than was sent");
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double part_of(const uint64_t *sorted, long count, double share)
{
    long place = (long)(share * count);
    return count ? sorted[place < count ? place : count - 1] / 1e3 : 0;
}

static void measure(double connecting, double entering)
{
    fence();
    settle();
    run(warmup);
    settle();
    long delivered_before = delivered, received_before = received, others_before = others;
    uint64_t server_before = server_cpu(), own_before = clock_of(CLOCK_PROCESS_CPUTIME_ID);
    run(messages);
    double elapsed = (last_heard - first_sent) / 1e9;
    double own = (clock_of(CLOCK_PROCESS_CPUTIME_ID) - own_before) / 1e9;
    double busy = polls ? elapsed - idle / 1e9 : own;
    long bytes = received - received_before, strangers = others - others_before;
    settle();
    double cpu = (server_cpu() - server_before) / 1e9;
    long deliveries = delivered - delivered_before;
    for (int i = 0; i < clients_n && !whisper; i++)
        if (clients[i].heard != warmup + messages)
            die("client %d heard %ld of %ld", i, clients[i].heard, warmup + messages);
    uint64_t *sorted = latency + warmup;
    qsort(sorted, messages, sizeof *sorted, by_size);
    printf("{\"mode\":\"%s\",\"case\":\"%s\",\"clients\":%d,\"in_flight\":%d,\"messages\":%ld,"
           "\"payload\":%d,\"connect_s\":%.6f,\"enter_s\":%.6f,\"deliveries\":%ld,\"bytes\":%ld,"
           "\"others\":%ld,\"elapsed_s\":%.6f,\"server_cpu_s\":%.9f,"
           "\"polls\":%d,\"load_busy_s\":%.6f,\"load_cpu_s\":%.6f,"
           "\"cpu_per_delivery_us\":%.6f,\"p50_us\":%.3f,\"p99_us\":%.3f,\"p999_us\":%.3f}\n",
           mode, what, clients_n, in_flight, messages, payload, connecting, entering, deliveries,
           bytes, strangers, elapsed, cpu, polls, busy, own, cpu * 1e6 / deliveries,
           part_of(sorted, messages, .5), part_of(sorted, messages, .99),
           part_of(sorted, messages, .999));
}

/* Prints once everyone is in and the server rests; then only reads, until stdin ends. */
static void hold(double connecting, double entering)
{
    fence();
    settle();
    printf("{\"mode\":\"%s\",\"case\":\"%s\",\"clients\":%d,\"connect_s\":%.6f,\"enter_s\":%.6f}\n",
           mode, what, clients_n, connecting, entering);
    fflush(stdout);
    if (strcmp(what, "idle")) return;
    char byte;
    fcntl(0, F_SETFL, fcntl(0, F_GETFL) | O_NONBLOCK);
    while (now() < give_up) {
        ssize_t got = read(0, &byte, 1);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return;
        turn(50);
    }
    die("stdin did not end in time");
}

static void usage(void)
{
    fputs("usage: load -p PORT [-a ADDRESS] [-s SERVER_PID] [-k floor|molva]\n"
          "            [-c room|whisper|idle|join] [-n CLIENTS] [-w IN_FLIGHT] [-m MESSAGES]\n"
          "            [-u WARMUP] [-b PAYLOAD_BYTES] [-x NAME_PREFIX] [-y 0|1]\n"
          "            [-t SECONDS_AT_MOST]\n",
          stderr);
    exit(2);
}

static bool one_of(const char *word, const char *words)
{
    const char *found = strstr(words, word);
    size_t len = strlen(word);
    return len && found && (found == words || found[-1] == ' ') &&
           (found[len] == ' ' || !found[len]);
}

int main(int argc, char **argv)
{
    double connecting, entering;
    for (int option; (option = getopt(argc, argv, "a:p:s:k:c:n:w:m:u:b:x:y:t:")) != -1;) {
        switch (option) {
        case 'a': host = optarg; break;
        case 'p': port = atoi(optarg); break;
        case 's': server = atoi(optarg); break;
        case 'k': mode = optarg; break;
        case 'c': what = optarg; break;
        case 'n': clients_n = atoi(optarg); break;
        case 'w': in_flight = atoi(optarg); break;
        case 'm': messages = atol(optarg); break;
        case 'u': warmup = atoi(optarg); break;
        case 'b': payload = atoi(optarg); break;
        case 'x': prefix = optarg; break;
        case 'y': polls = atoi(optarg); break;
        case 't': limit = atoi(optarg); break;
        default: usage();
        }
    }
    molva = !strcmp(mode, "molva");
    whisper = !strcmp(what, "whisper");
    if (!port || clients_n < 1 || in_flight < 1 || messages < 1 || warmup < 0 || payload < 1 ||
        payload > 60000 || strlen(prefix) > 32 || !one_of(mode, "floor molva") ||
        !one_of(what, "room whisper idle join") || (whisper && (!molva || clients_n % 2)))
        usage();
    head = whisper ? "{\"action\":\"new_whisper\"" : "{\"action\":\"new_message\"";
    head_len = strlen(head);
    filler = room_for(payload + 1, 1);
    memset(filler, 'x', payload);
    clients = room_for(clients_n, sizeof *clients);
    sent_at = room_for(warmup + messages, sizeof *sent_at);
    latency = room_for(warmup + messages, sizeof *latency);
    give_up = now() + limit * 1000000000ull;
    if ((epoll = epoll_create1(0)) < 0) die("epoll_create1: %s", strerror(errno));
    enter(&connecting, &entering);
    if (!strcmp(what, "room") || whisper) measure(connecting, entering);
    else hold(connecting, entering);
}
