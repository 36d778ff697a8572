/* A receiver of Elasticsearch's _bulk requests that takes everything: the other end of a delivery
 * whose own cost is measured.
 *
 *     bulk_stub      prints its port and lives until it is killed */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <strings.h>
#include <sys/socket.h>

enum { HEAD_BYTES = 1 << 16 };

static void answer(int socket, const char *body, size_t count) {
    char head[256];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n", count);
    if (send(socket, head, (size_t)length, MSG_NOSIGNAL | MSG_MORE) < 0) return;
    for (size_t done = 0; done < count;) {
        ssize_t sent = send(socket, body + done, count - done, MSG_NOSIGNAL);
        if (sent < 0) return;
        done += (size_t)sent;
    }
}

/* An item for each event: every other line of the body is one. */
static void answer_items(int socket, size_t lines) {
    static const char item[] = "{\"create\":{\"status\":201}},";
    size_t items = lines / 2, room = items * (sizeof item - 1) + 64, at;
    char *body = malloc(room);
    if (!body) fail("out of memory");
    at = (size_t)snprintf(body, room, "{\"errors\":false,\"items\":[");
    for (size_t i = 0; i < items; i++, at += sizeof item - 1)
        memcpy(body + at, item, sizeof item - 1);
    if (items) at--;
    at += (size_t)snprintf(body + at, room - at, "]}");
    answer(socket, body, at);
    free(body);
}

static void *serve(void *context) {
    int socket = (int)(intptr_t)context;
    char *head = malloc(HEAD_BYTES), *piece = malloc(1 << 18);
    size_t have = 0;
    if (!head || !piece) fail("out of memory");
    while (1) {
        char *end;
        while (!(end = memmem(head, have, "\r\n\r\n", 4))) {
            ssize_t count = have < HEAD_BYTES - 1
                ? recv(socket, head + have, HEAD_BYTES - 1 - have, 0) : 0;
            if (count <= 0) goto done;
            have += (size_t)count;
        }
        *end = 0;
        const char *length = strcasestr(head, "content-length:");
        size_t wanted = length ? (size_t)atoll(length + 15) : 0, lines = 0;
        if (strcasestr(head, "expect: 100-continue"))
            send(socket, "HTTP/1.1 100 Continue\r\n\r\n", 25, MSG_NOSIGNAL);
        size_t begun = have - (size_t)(end + 4 - head);
        if (begun > wanted) begun = wanted;
        for (size_t i = 0; i < begun; i++) lines += end[4 + i] == '\n';
        have -= (size_t)(end + 4 - head) + begun;
        memmove(head, end + 4 + begun, have);
        for (size_t rest = wanted - begun; rest;) {
            ssize_t count = recv(socket, piece, rest < 1 << 18 ? rest : 1 << 18, 0);
            if (count <= 0) goto done;
            for (const char *at = piece, *stop = piece + count;
                 (at = memchr(at, '\n', (size_t)(stop - at))); at++)
                lines++;
            rest -= (size_t)count;
        }
        answer_items(socket, lines);
    }
done:
    close(socket);
    free(head);
    free(piece);
    return NULL;
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 64)
        || getsockname(listener, (struct sockaddr *)&address, &size))
        fail("no listener: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    while (1) {
        int taken = accept(listener, NULL, NULL);
        if (taken < 0) continue;
        setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)taken)) fail("no thread");
        pthread_detach(thread);
    }
}
