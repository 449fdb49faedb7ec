/* Feeds libFuzzer's inputs to the response parser, in pieces and all at once: both must give the same result. The
   sanitizers check its memory accesses. */

#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>

#include "../../runtime/python/native/answer.h"

typedef struct {
    Stream stream;
    const uint8_t *data;
    size_t left;
    uint32_t dice; /* 0: everything at once */
    Answer answer;
    const char *problem;
} Reading;

static ssize_t receive(Stream *stream, char *to, size_t size, bool whole)
{
    Reading *reading = (Reading *)stream;
    size_t count = reading->left < size ? reading->left : size;
    if (reading->dice && count && !whole) {
        reading->dice ^= reading->dice << 13, reading->dice ^= reading->dice >> 17, reading->dice ^= reading->dice << 5;
        size_t most = 1 + reading->dice % 16;
        count = count < most ? count : most;
    }
    memcpy(to, reading->data, count);
    reading->data += count, reading->left -= count;
    return (ssize_t)count;
}

static char *make_room(Stream *stream, size_t size)
{
    return realloc(((Reading *)stream)->answer.body, size);
}

static Reading *read_answer(const uint8_t *data, size_t size, uint32_t dice)
{
    Reading *reading = malloc(sizeof(*reading)); /* Not zeroed: nothing may be read before it has arrived. */
    reading->stream.receive = receive, reading->stream.make_room = make_room;
    reading->stream.start = reading->stream.end = 0;
    reading->data = data, reading->left = size, reading->dice = dice;
    reading->answer = (Answer){.reusable = false};
    reading->problem = read_head(&reading->stream, &reading->answer);
    if (!reading->problem) {
        for (Text rest = reading->answer.headers; rest.size;) {
            Text value = split_off(&rest, "\r\n");
            Text name = split_off(&value, ":");
            (void)text_is(name, "content-type");
            (void)trimmed(value);
        }
        reading->problem = read_body(&reading->stream, &reading->answer);
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
    Reading *once = read_answer(data + skipped, size - skipped, 0);
    Reading *pieces = read_answer(data + skipped, size - skipped, dice);
    demand(once->problem == pieces->problem);
    if (!once->problem) {
        demand(once->answer.status >= 200 && once->answer.status <= 999);
        demand(once->answer.status == pieces->answer.status);
        demand(once->answer.size == pieces->answer.size && once->answer.size <= size);
        demand(once->answer.size == 0 || memcmp(once->answer.body, pieces->answer.body, once->answer.size) == 0);
    }
    free(once->answer.body), free(pieces->answer.body);
    free(once), free(pieces);
    return 0;
}
