/* Feeds libFuzzer's inputs to the response parser, in pieces and all at once, and broken off between the pieces: all must
   give the same result. The sanitizers check its memory accesses. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>

#include "../../runtime/python/native/answer.h"

typedef struct {
    Stream stream;
    const uint8_t *data;
    size_t left;
    uint32_t dice; /* 0: everything at once */
    bool breaks_off, broken_off;
    Answer answer;
    const char *problem;
} Reading;

static uint32_t throw(Reading *reading)
{
    reading->dice ^= reading->dice << 13, reading->dice ^= reading->dice >> 17, reading->dice ^= reading->dice << 5;
    return reading->dice;
}

/* As a signal does it: now and then, and never twice in the same place. */
static bool is_broken_off(Reading *reading)
{
    reading->broken_off = reading->breaks_off && !reading->broken_off && throw(reading) % 3 == 0;
    return reading->broken_off;
}

static ssize_t receive(Stream *stream, char *to, size_t size, bool whole)
{
    Reading *reading = (Reading *)stream;
    size_t count = reading->left < size ? reading->left : size;
    if (is_broken_off(reading)) {
        return -1;
    }
    if (reading->dice && count && (!whole || reading->breaks_off)) {
        size_t most = 1 + throw(reading) % 16;
        count = count < most ? count : most;
    }
    memcpy(to, reading->data, count);
    reading->data += count, reading->left -= count;
    return (ssize_t)count;
}

static char *make_room(Stream *stream, size_t size)
{
    Reading *reading = (Reading *)stream;
    return is_broken_off(reading) ? NULL : realloc(reading->answer.body, size);
}

/* Until it is no longer broken off. */
static const char *go_on(Reading *reading, const char *(*read)(Stream *, Answer *))
{
    const char *problem;
    do {
        problem = read(&reading->stream, &reading->answer);
    } while (problem == FAILED && reading->broken_off);
    return problem;
}

static Reading *read_answer(const uint8_t *data, size_t size, uint32_t dice, bool breaks_off)
{
    Reading *reading = malloc(sizeof(*reading)); /* Not zeroed: nothing may be read before it has arrived. */
    reading->stream.receive = receive, reading->stream.make_room = make_room;
    reading->stream.start = reading->stream.end = 0;
    reading->data = data, reading->left = size, reading->dice = dice;
    reading->breaks_off = breaks_off, reading->broken_off = false;
    reading->answer = (Answer){.reusable = false};
    reading->problem = go_on(reading, read_head);
    if (!reading->problem) {
        for (Text rest = reading->answer.headers; rest.size;) {
            Text value = split_off(&rest, "\r\n");
            Text name = split_off(&value, ":");
            (void)text_is(name, "content-type");
            (void)trimmed(value);
        }
        reading->problem = go_on(reading, read_body);
    }
    return reading;
}

static void demand(bool condition)
{
    if (!condition) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t dice = size ? 1u + data[0] : 1u;
    size_t skipped = size ? 1 : 0;
    Reading *once = read_answer(data + skipped, size - skipped, 0, false);
    for (int breaks_off = 0; breaks_off < 2; breaks_off++) {
        Reading *pieces = read_answer(data + skipped, size - skipped, dice, breaks_off);
        demand(once->problem == pieces->problem);
        if (!once->problem) {
            demand(once->answer.status >= 200 && once->answer.status <= 999);
            demand(once->answer.status == pieces->answer.status);
            demand(once->answer.size == pieces->answer.size && once->answer.size <= size);
            demand(once->answer.size == 0 || memcmp(once->answer.body, pieces->answer.body, once->answer.size) == 0);
        }
        free(pieces->answer.body), free(pieces);
    }
    free(once->answer.body), free(once);
    return 0;
}
