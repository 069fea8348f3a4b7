/* A server that is never the bottleneck: HTTP/1.1 on one thread, chat answers at once or in streams.
 *
 *     cc -O2 -o instant instant.c && ./instant TTFT_US GAP_US CHUNKS [LOG]
 *
 * Prints its port on standard output. A POST whose body asks for a stream gets its first chunk
 * TTFT_US after the request was read and one each GAP_US after that, by a schedule fixed beforehand
 * (a chunk that leaves late does not push back the next); any other gets a whole answer at once.
 * While streams are open it does not sleep. LOG gets a line for each stream once it has ended: its
 * x-request-id, when its request came (by the kernel, however late it was read), and when its first
 * and its last chunk were written, in nanoseconds of CLOCK_MONOTONIC. SIGTERM ends it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IN_BYTES 262144
#define OUT_BYTES 4096

struct connection {
    int fd;
    char *in;
    size_t in_bytes;
    int streaming, sent;             /* chunks sent of the stream under way */
    long number;                     /* of the stream under way */
    long arrived_ns, received_ns, first_ns;
    char out[OUT_BYTES];             /* what the socket did not take yet */
    size_t out_bytes;
    int active;                      /* place among the open streams, -1 for none */
};

static long ttft_ns, gap_ns, streams;
static int chunks, active_count, active_room;
static struct connection **active;
static FILE *journal;
static volatile sig_atomic_t ended;
static char answer[1024], chunk[512], last[1024];
static size_t answer_bytes, chunk_bytes, last_bytes;

static long nanoseconds(const struct timespec *at) {
    return at->tv_sec * 1000000000L + at->tv_nsec;
}

static long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return nanoseconds(&now);
}

/* Read what is there, and note when it came. */
static ssize_t receive(struct connection *c) {
    _Alignas(struct cmsghdr) char beside[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec room = {.iov_base = c->in + c->in_bytes, .iov_len = IN_BYTES - c->in_bytes};
    struct msghdr message = {.msg_iov = &room, .msg_iovlen = 1,
                             .msg_control = beside, .msg_controllen = sizeof beside};
    ssize_t size = recvmsg(c->fd, &message, 0);
    if (size <= 0) return size;
    c->arrived_ns = now_ns();
    struct cmsghdr *each = CMSG_FIRSTHDR(&message);
    if (each && each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMPNS) {
        struct timespec real;
        clock_gettime(CLOCK_REALTIME, &real);
        c->arrived_ns -= nanoseconds(&real) - nanoseconds((struct timespec *)CMSG_DATA(each));
    }
    return size;
}

static void on_term(int number) { (void)number; ended = 1; }

static size_t framed(char *out, const char *text) {
    return sprintf(out, "%zx\r\n%s\r\n", strlen(text), text);
}

static void prepare(void) {
    char body[512], usage[128];
    sprintf(usage, "{\"prompt_tokens\":12,\"completion_tokens\":%d,\"total_tokens\":%d}", chunks,
            chunks + 12);
    sprintf(body,
            "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1700000000,"
            "\"model\":\"deepseek-v4-flash\",\"choices\":[{\"index\":0,\"message\":{\"role\":"
            "\"assistant\",\"content\":\"An answer of some words.\"},\"finish_reason\":\"stop\"}],"
            "\"usage\":%s}", usage);
    answer_bytes = sprintf(answer,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req-1\r\n"
            "content-length: %zu\r\n\r\n%s", strlen(body), body);
    chunk_bytes = framed(chunk,
            "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,"
            "\"model\":\"deepseek-v4-flash\",\"choices\":[{\"index\":0,\"delta\":{\"content\":"
            "\"word \"},\"finish_reason\":null}]}\n\n");
    sprintf(body,
            "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
            "\n\ndata: {\"id\":\"c\",\"choices\":[],\"usage\":%s}\n\ndata: [DONE]\n\n", usage);
    last_bytes = framed(last, body);
    last_bytes += sprintf(last + last_bytes, "0\r\n\r\n");
}

/* Write, and keep what the socket does not take for later. */
static void put(struct connection *c, const char *data, size_t size) {
    if (!c->out_bytes) {
        ssize_t done = write(c->fd, data, size);
        if (done < 0) done = 0;
        data += done;
        size -= done;
    }
    if (size > OUT_BYTES - c->out_bytes) size = OUT_BYTES - c->out_bytes;
    memcpy(c->out + c->out_bytes, data, size);
    c->out_bytes += size;
}

static void stop_streaming(struct connection *c) {
    if (c->active < 0) return;
    active[c->active] = active[--active_count];
    active[c->active]->active = c->active;
    c->active = -1;
    c->streaming = 0;
}

static void begin_stream(struct connection *c) {
    c->streaming = 1;
    c->sent = 0;
    c->received_ns = now_ns();
    if (active_count == active_room) {
        active_room = active_room ? 2 * active_room : 64;
        active = realloc(active, active_room * sizeof *active);
    }
    c->active = active_count;
    active[active_count++] = c;
    c->number = ++streams;
    char head[256];
    size_t head_bytes = sprintf(head,
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: stream-%ld\r\n"
            "transfer-encoding: chunked\r\n\r\n", c->number);
    put(c, head, head_bytes);
}

/* Send what is due of a stream. */
static void go_on(struct connection *c, long at_ns) {
    if (c->out_bytes) {
        ssize_t done = write(c->fd, c->out, c->out_bytes);
        if (done > 0) memmove(c->out, c->out + done, c->out_bytes -= done);
        if (c->out_bytes) return;
    }
    while (c->sent < chunks && at_ns >= c->received_ns + ttft_ns + c->sent * gap_ns && !c->out_bytes) {
        char both[sizeof chunk + sizeof last];
        size_t size = chunk_bytes;
        memcpy(both, chunk, chunk_bytes);
        if (c->sent == chunks - 1) {
            memcpy(both + size, last, last_bytes);
            size += last_bytes;
        }
        if (!c->sent) c->first_ns = now_ns();
        put(c, both, size);
        c->sent++;
    }
    if (c->sent == chunks && !c->out_bytes) {
        if (journal)
            fprintf(journal, "stream-%ld %ld %ld %ld\n", c->number, c->arrived_ns, c->first_ns,
                    now_ns());
        stop_streaming(c);
    }
}

/* Answer every whole request that has come. */
static void serve(struct connection *c) {
    /* A balance that never falls would be waited for at the end of each run. */
    static const char missing[] =
        "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (;;) {
        char *end = memmem(c->in, c->in_bytes, "\r\n\r\n", 4);
        if (!end || c->streaming) return;
        size_t head_size = end + 4 - c->in, body_size = 0;
        *end = 0;
        char *length = strcasestr(c->in, "content-length:");
        if (length) body_size = strtoul(length + 15, NULL, 10);
        *end = '\r';
        if (c->in_bytes < head_size + body_size) return;
        char *body = c->in + head_size;
        if (!strncmp(c->in, "GET", 3))
            put(c, missing, sizeof missing - 1);
        else if (memmem(body, body_size, "\"stream\":true", 13) ||
                 memmem(body, body_size, "\"stream\": true", 14))
            begin_stream(c);
        else
            put(c, answer, answer_bytes);
        c->in_bytes -= head_size + body_size;
        memmove(c->in, body + body_size, c->in_bytes);
    }
}

static void drop(struct connection *c) {
    stop_streaming(c);
    close(c->fd);
    free(c->in);
    free(c);
}

int main(int count, char **words) {
    if (count < 4) {
        fprintf(stderr, "usage: instant TTFT_US GAP_US CHUNKS [LOG]\n");
        return 2;
    }
    ttft_ns = atol(words[1]) * 1000;
    gap_ns = atol(words[2]) * 1000;
    chunks = atoi(words[3]);
    journal = count > 4 ? fopen(words[4], "w") : NULL;
    prepare();
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct sigaction action = {.sa_handler = on_term};
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t at_bytes = sizeof at;
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 4096)) return 1;
    getsockname(listener, (struct sockaddr *)&at, &at_bytes);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);

    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL}, ready[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &wanted);
    while (!ended) {
        int found = epoll_wait(poll, ready, 256, active_count ? 0 : -1);
        for (int n = 0; n < found; n++) {
            struct connection *c = ready[n].data.ptr;
            if (!c) {
                int fd;
                while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                    if (journal) setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
                    c = calloc(1, sizeof *c);
                    c->fd = fd;
                    c->active = -1;
                    c->in = malloc(IN_BYTES);
                    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
                    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                }
                continue;
            }
            ssize_t size = receive(c);
            if (size <= 0) {
                if (size == 0 || (errno != EAGAIN && errno != EINTR)) drop(c);
                continue;
            }
            c->in_bytes += size;
            serve(c);
        }
        if (active_count) {
            long at_ns = now_ns();
            for (int n = active_count - 1; n >= 0; n--) go_on(active[n], at_ns);
        }
    }
    if (journal) fclose(journal);
    return 0;
}
