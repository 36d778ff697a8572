/* A TCP connection with buffers on both sides, for protocols of lines and counted bytes. */
#ifndef VARVE_BENCH_STREAM_H
#define VARVE_BENCH_STREAM_H

#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

struct stream {
    int socket;
    char *input, *output;
    size_t at, end, unsent;
};

enum { STREAM_BYTES = 1 << 22 };

/* A socket connected to the server at this machine's port `port=`. */
static inline int connect_server(void) {
    int made = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)number_option("port", 0))};
    if (connect(made, (struct sockaddr *)&address, sizeof address))
        fail("cannot connect: %s", strerror(errno));
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return made;
}

static inline void send_bytes(int socket, const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t sent = send(socket, (const char *)bytes + done, count - done, MSG_NOSIGNAL);
        if (sent < 0) fail("send: %s", strerror(errno));
        done += (size_t)sent;
    }
}

static inline void open_stream(struct stream *s) {
    memset(s, 0, sizeof *s);
    s->input = malloc(STREAM_BYTES);
    s->output = malloc(STREAM_BYTES);
    if (!s->input || !s->output) fail("out of memory");
    s->socket = connect_server();
}

static inline void flush_stream(struct stream *s) {
    send_bytes(s->socket, s->output, s->unsent);
    s->unsent = 0;
}

static inline void write_bytes(struct stream *s, const void *bytes, size_t count) {
    if (s->unsent + count > STREAM_BYTES) flush_stream(s);
    memcpy(s->output + s->unsent, bytes, count);
    s->unsent += count;
}

static inline void write_text(struct stream *s, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    write_bytes(s, text, (size_t)count);
}

static inline void read_more(struct stream *s) {
    if (s->at > STREAM_BYTES / 2) {
        memmove(s->input, s->input + s->at, s->end - s->at);
        s->end -= s->at;
        s->at = 0;
    }
    ssize_t count = recv(s->socket, s->input + s->end, STREAM_BYTES - s->end, 0);
    if (count <= 0) fail("the server ended the connection");
    s->end += (size_t)count;
}

/* The next line without its CR LF, good until the next call. */
static inline char *read_line(struct stream *s) {
    size_t looked = 0;
    while (1) {
        char *found = memchr(s->input + s->at + looked, '\n', s->end - s->at - looked);
        if (found) {
            char *line = s->input + s->at;
            s->at = (size_t)(found - s->input) + 1;
            if (found > line && found[-1] == '\r') found--;
            *found = 0;
            return line;
        }
        looked = s->end - s->at;
        read_more(s);
    }
}

/* The next `count` bytes and the CR LF behind them, good until the next call. */
static inline char *read_counted(struct stream *s, size_t count) {
    if (count + 2 > STREAM_BYTES / 2) fail("an answer of %zu bytes", count);
    while (s->end - s->at < count + 2) read_more(s);
    char *bytes = s->input + s->at;
    s->at += count + 2;
    return bytes;
}

#endif
