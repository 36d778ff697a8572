/* What the machine itself can do, with the same bytes.
 *
 *     limits append   file= bytes= piece= group=   writes of `piece` bytes, fdatasync each `group`;
 *                     pause=                       each so many microseconds after the one before
 *     limits scatter file= files= bytes= piece= group= seconds=
 *                                                  the same to each file in turn, and one syncfs for
 *                                                  each `group` of pieces
 *     limits server   file= bytes= piece=          the same for each piece that a client sends, one
 *                                                  at a time, answered when it is on disk
 *     limits loopback bytes=                       from one thread to another over TCP
 *     limits sendfile file= bytes=                 the file's bytes likewise, by sendfile */
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static void append(void) {
    uint64_t bytes = (uint64_t)number_option("bytes", 1 << 28);
    size_t piece = (size_t)number_option("piece", 1 << 16);
    uint64_t group = (uint64_t)number_option("group", 1 << 20);
    uint64_t pause = (uint64_t)number_option("pause", 0) * 1000;
    const char *name = text_option("file", "limit");
    make_pool(NULL);
    if (piece > POOL_BYTES) fail("pieces of at most %d bytes", POOL_BYTES);
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0) fail("%s: %s", name, strerror(errno));
    struct figures f = {0};
    uint64_t start = now_ns(), unsynced = 0, began = start;
    double cpu = cpu_seconds();
    while (f.bytes < bytes) {
        if (pwrite(file, event_pool, piece, (off_t)f.bytes) != (ssize_t)piece)
            fail("%s: %s", name, strerror(errno));
        f.bytes += piece;
        unsynced += piece;
        f.records++;
        if (unsynced >= group || f.bytes >= bytes) {
            if (fdatasync(file)) fail("%s: %s", name, strerror(errno));
            note_latency(&f.latencies, now_ns() - began);
            uint64_t next = began + pause, now = now_ns();
            if (pause && next > now) {
                struct timespec rest = {.tv_sec = (time_t)((next - now) / 1000000000u),
                                        .tv_nsec = (long)((next - now) % 1000000000u)};
                nanosleep(&rest, NULL);
            }
            began = now_ns();
            unsynced = 0;
        }
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    unlink(name);
    print_figures(&f);
}

static void scatter(void) {
    uint64_t bytes = (uint64_t)number_option("bytes", 1 << 24);
    size_t piece = (size_t)number_option("piece", 1 << 10);
    size_t files = (size_t)number_option("files", 1000);
    uint64_t group = (uint64_t)number_option("group", 500);
    const char *base = text_option("file", "limit");
    char name[4096];
    make_pool(NULL);
    if (piece > POOL_BYTES) fail("pieces of at most %d bytes", POOL_BYTES);
    int *all = calloc(files, sizeof *all);
    off_t *ends = calloc(files, sizeof *ends);
    if (!all || !ends) fail("out of memory");
    for (size_t i = 0; i < files; i++) {
        snprintf(name, sizeof name, "%s.%zu", base, i);
        all[i] = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (all[i] < 0) fail("%s: %s", name, strerror(errno));
        unlink(name);
    }
    if (syncfs(all[0])) fail("%s: %s", base, strerror(errno));
    struct figures f = {0};
    uint64_t start = now_ns(), began = start;
    uint64_t end = start + (uint64_t)number_option("seconds", 3600) * 1000000000u;
    double cpu = cpu_seconds();
    while (f.bytes < bytes && now_ns() < end) {
        for (uint64_t written = 0; written < group && f.bytes < bytes; written++) {
            size_t i = (size_t)(f.records % files);
            if (pwrite(all[i], event_pool, piece, ends[i]) != (ssize_t)piece)
                fail("%s.%zu: %s", base, i, strerror(errno));
            ends[i] += (off_t)piece;
            f.bytes += piece;
            f.records++;
        }
        /* The write-back leaves what it wrote in the device's own cache. */
        if (syncfs(all[0]) || fdatasync(all[0])) fail("%s: %s", base, strerror(errno));
        note_latency(&f.latencies, now_ns() - began);
        began = now_ns();
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    print_figures(&f);
}

/* ---- Over loopback ---- */

static uint64_t received;

static void *receive(void *context) {
    int socket = *(int *)context;
    static char buffer[1 << 18];
    ssize_t count;
    while ((count = recv(socket, buffer, sizeof buffer, 0)) > 0) received += (uint64_t)count;
    return NULL;
}

/* A connected pair: the default congestion control of a machine may be one that paces, which no
 * loopback needs. */
static void connect_pair(int pair[2]) {
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1)
        || getsockname(listener, (struct sockaddr *)&address, &size))
        fail("no listener: %s", strerror(errno));
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(pair[0], IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    if (connect(pair[0], (struct sockaddr *)&address, size)) fail("%s", strerror(errno));
    pair[1] = accept(listener, NULL, NULL);
    close(listener);
    int on = 1;
    for (int i = 0; i < 2; i++) setsockopt(pair[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The least that any durable server does: one thread, blocking calls, nothing looked at. */
struct synced {
    int socket, file;
    size_t piece;
};

static void *serve(void *context) {
    struct synced *s = context;
    unsigned char *buffer = malloc(s->piece);
    if (!buffer) fail("out of memory");
    for (off_t at = 0; recv(s->socket, buffer, s->piece, MSG_WAITALL) == (ssize_t)s->piece;
         at += (off_t)s->piece)
        if (pwrite(s->file, buffer, s->piece, at) != (ssize_t)s->piece || fdatasync(s->file)
            || send(s->socket, "on disk", 8, 0) != 8)
            fail("the server: %s", strerror(errno));
    free(buffer);
    return NULL;
}

static void server(void) {
    size_t piece = (size_t)number_option("piece", 170);
    uint64_t bytes = (uint64_t)number_option("bytes", 170 * 400);
    const char *name = text_option("file", "limit");
    if (piece > POOL_BYTES) fail("pieces of at most %d bytes", POOL_BYTES);
    make_pool(NULL);
    int pair[2];
    connect_pair(pair);
    struct synced s = {.socket = pair[1], .piece = piece};
    s.file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (s.file < 0) fail("%s: %s", name, strerror(errno));
    pthread_t thread;
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    pthread_create(&thread, NULL, serve, &s);
    while (f.bytes < bytes) {
        char answer[8];
        uint64_t began = now_ns();
        if (send(pair[0], event_pool, piece, 0) != (ssize_t)piece
            || recv(pair[0], answer, sizeof answer, MSG_WAITALL) != sizeof answer)
            fail("after %llu bytes: %s", (unsigned long long)f.bytes, strerror(errno));
        note_latency(&f.latencies, now_ns() - began);
        f.bytes += piece;
        f.records++;
    }
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    shutdown(pair[0], SHUT_WR);
    pthread_join(thread, NULL);
    unlink(name);
    print_figures(&f);
}

static void transfer(int file) {
    uint64_t bytes = (uint64_t)number_option("bytes", 1 << 28);
    make_pool(NULL);
    int pair[2];
    connect_pair(pair);
    pthread_t receiver;
    struct figures f = {0};
    uint64_t start = now_ns();
    double cpu = cpu_seconds();
    pthread_create(&receiver, NULL, receive, &pair[1]);
    while (f.bytes < bytes) {
        size_t wanted = bytes - f.bytes < 1 << 20 ? bytes - f.bytes : 1 << 20;
        ssize_t count;
        if (file < 0) {
            count = send(pair[0], event_pool, wanted < 65536 ? wanted : 65536, 0);
        } else {
            off_t at = (off_t)f.bytes;
            count = sendfile(pair[0], file, &at, wanted);
        }
        if (count <= 0) fail("after %llu bytes: %s", (unsigned long long)f.bytes, strerror(errno));
        f.bytes += (uint64_t)count;
        f.records++;
    }
    shutdown(pair[0], SHUT_WR);
    pthread_join(receiver, NULL);
    f.seconds = (double)(now_ns() - start) / 1e9;
    f.cpu = cpu_seconds() - cpu;
    if (received != f.bytes) fail("bytes were lost on the way");
    print_figures(&f);
}

int main(int count, char **words) {
    if (count < 2) fail("usage: limits append|scatter|server|loopback|sendfile name=value ...");
    take_options(count - 2, words + 2);
    if (!strcmp(words[1], "append")) {
        append();
    } else if (!strcmp(words[1], "scatter")) {
        scatter();
    } else if (!strcmp(words[1], "server")) {
        server();
    } else if (!strcmp(words[1], "loopback")) {
        transfer(-1);
    } else if (!strcmp(words[1], "sendfile")) {
        /* A file in the page cache, made here. */
        const char *name = text_option("file", "limit");
        uint64_t bytes = (uint64_t)number_option("bytes", 1 << 28);
        int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
        if (file < 0) fail("%s: %s", name, strerror(errno));
        make_pool(NULL);
        for (uint64_t done = 0; done < bytes; done += POOL_BYTES)
            if (write(file, event_pool, POOL_BYTES) != POOL_BYTES) fail("%s", strerror(errno));
        transfer(file);
        unlink(name);
    } else {
        fail("there is no limit %s", words[1]);
    }
}
