/* Reads one HTTP/1.1 answer, head first, as RFC 9112 has it. Nothing of Python in here: a fuzzer drives it alone.

   Reading can be broken off wherever it waits, and goes on from there when the same function is called again: all there
   is to know is in the stream and in the answer. */

#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

enum {
    INPUT_SIZE = 32768, /* bytes asked for at once: most events arrive whole, with their head; no head is longer */
    BODY_STEP = 1 << 20, /* bytes for which room is made on a mere claim that they will come */
};

/* A piece of text, not terminated. */
typedef struct {
    const char *start;
    size_t size;
} Text;

/* Where an answer comes from and where its body goes. */
typedef struct Stream Stream;
struct Stream {
    /* Reads 1 to `size` bytes, as many as it can if `whole`; 0 at the end, less when it failed or was broken off. */
    ssize_t (*receive)(Stream *, char *to, size_t size, bool whole);
    /* Makes room for `size` bytes of body, whose beginning stays; NULL when there is none. */
    char *(*make_room)(Stream *, size_t size);
    size_t start, end; /* what of the input has been received and not been used */
    char input[INPUT_SIZE];
};

typedef struct {
    int status;
    bool reusable; /* the connection can take another request */
    Text headers;  /* in the stream's input, until the body is read */
    enum { SIZED, CHUNKED, TO_THE_END } framing;
    enum { IN_DATA, BEHIND_DATA, IN_SIZE, IN_TRAILERS } place; /* of a body */
    char *body;
    size_t room, size; /* of the body; `size` is what has been read */
    size_t left;       /* of what is announced, or of a chunk */
} Answer;

/* A function that reads returns NULL, or what is wrong, or this: one of the stream's functions failed, and knows why. */
static const char FAILED[] = "";

static inline char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

/* In any case; in ASCII, where C's own functions follow the locale, and an I is no i in Turkish. */
static inline bool text_is(Text text, const char *expected)
{
    size_t i = 0;
    while (i < text.size && expected[i] && lowered(text.start[i]) == lowered(expected[i])) {
        i++;
    }
    return i == text.size && !expected[i];
}

static inline Text trimmed(Text text)
{
    while (text.size && (text.start[0] == ' ' || text.start[0] == '\t')) {
        text.start++, text.size--;
    }
    while (text.size && (text.start[text.size - 1] == ' ' || text.start[text.size - 1] == '\t')) {
        text.size--;
    }
    return text;
}

/* The first place of `separator`, or NULL. */
static inline const char *find(Text text, const char *separator)
{
    size_t width = strlen(separator);
    const char *end = text.start + text.size, *place = text.start;
    while (text.size && (place = memchr(place, separator[0], (size_t)(end - place)))) {
        if ((size_t)(end - place) < width) {
            return NULL;
        }
        if (memcmp(place, separator, width) == 0) {
            return place;
        }
        place++;
    }
    return NULL;
}

/* Takes what stands before `separator` off `rest`, and the separator; all of it, where there is none. */
static inline Text split_off(Text *rest, const char *separator)
{
    size_t width = strlen(separator);
    const char *found = find(*rest, separator);
    Text first = {rest->start, found ? (size_t)(found - rest->start) : rest->size};
    size_t used = found ? first.size + width : first.size;
    rest->start += used, rest->size -= used;
    return first;
}

/* Digits alone: no sign, no space. */
static inline bool parse_number(Text text, int base, size_t *number)
{
    *number = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.start[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        if (digit >= base || *number >> 40) {
            return false;
        }
        *number = *number * (size_t)base + (size_t)digit;
    }
    return text.size > 0;
}

/* Receives more input behind what is there. */
static inline const char *receive_more(Stream *stream)
{
    if (stream->start) {
        memmove(stream->input, stream->input + stream->start, stream->end - stream->start);
        stream->end -= stream->start;
        stream->start = 0;
    }
    if (stream->end == INPUT_SIZE) {
        return "one of its lines, or its head, has more than 32 KiB";
    }
    ssize_t count = stream->receive(stream, stream->input + stream->end, INPUT_SIZE - stream->end, false);
    if (count <= 0) {
        return count ? FAILED : "the connection was closed in the middle of it";
    }
    stream->end += (size_t)count;
    return NULL;
}

/* Takes the input up to `separator`, and the separator; it stays where it is until more is received. */
static inline const char *receive_up_to(Stream *stream, const char *separator, Text *text)
{
    size_t width = strlen(separator), searched = 0;
    for (;;) {
        size_t there = stream->end - stream->start;
        const char *begin = stream->input + stream->start;
        const char *found = find((Text){begin + searched, there - searched}, separator);
        if (found) {
            *text = (Text){begin, (size_t)(found - begin)};
            stream->start += text->size + width;
            return NULL;
        }
        searched = there >= width ? there - (width - 1) : 0;
        const char *problem = receive_more(stream);
        if (problem) {
            return problem;
        }
    }
}

static inline const char *parse_head(Text head, Answer *answer)
{
    Text line = split_off(&head, "\r\n");
    Text version = split_off(&line, " ");
    size_t status;
    if (version.size != 8 || strncmp(version.start, "HTTP/1.", 7) != 0) {
        return "it does not begin as HTTP/1.1 does";
    }
    if (!parse_number((Text){line.start, line.size < 3 ? 0 : 3}, 10, &status)) {
        return "its status is not a number";
    }
    *answer = (Answer){.status = (int)status, .headers = head, .reusable = version.start[7] != '0'};
    answer->framing = TO_THE_END;
    while (head.size) {
        Text value = split_off(&head, "\r\n");
        Text name = split_off(&value, ":");
        value = trimmed(value);
        if (text_is(name, "connection") && text_is(value, "close")) {
            answer->reusable = false;
        } else if (text_is(name, "transfer-encoding")) {
            answer->framing = CHUNKED;
        } else if (text_is(name, "content-length") && answer->framing != CHUNKED) {
            answer->framing = SIZED;
            if (!parse_number(value, 10, &answer->left)) {
                return "its Content-Length is not a number";
            }
        }
    }
    if (status == 204 || status == 304) { /* They have no body, whatever they say. */
        answer->framing = SIZED;
        answer->left = 0;
    }
    if (answer->framing == CHUNKED) {
        answer->place = IN_SIZE;
    }
    return NULL;
}

/* Reads the head. */
static inline const char *read_head(Stream *stream, Answer *answer)
{
    do { /* Below 200 it is interim, and the answer is still to come. */
        Text head;
        const char *problem = receive_up_to(stream, "\r\n\r\n", &head);
        if (!problem) {
            problem = parse_head(head, answer);
        }
        if (problem) {
            return problem;
        }
    } while (answer->status < 200);
    return NULL;
}

/* Adds what is left of the announced bytes to the body. Room is made as they come: a size is only a claim. */
static inline const char *receive_body(Stream *stream, Answer *answer)
{
    while (answer->left) {
        if (answer->size == answer->room) {
            size_t step = answer->room > BODY_STEP ? answer->room : BODY_STEP;
            size_t room = answer->room + (answer->left < step ? answer->left : step);
            char *body = stream->make_room(stream, room);
            if (!body) {
                return FAILED;
            }
            answer->body = body;
            answer->room = room;
        }
        size_t free = answer->room - answer->size, there = stream->end - stream->start;
        size_t piece = answer->left < free ? answer->left : free;
        if (there) {
            piece = piece < there ? piece : there;
            memcpy(answer->body + answer->size, stream->input + stream->start, piece);
            stream->start += piece;
        } else {
            ssize_t count = stream->receive(stream, answer->body + answer->size, piece, true);
            if (count <= 0) {
                return count ? FAILED : "the connection was closed in the middle of its body";
            }
            piece = (size_t)count;
        }
        answer->size += piece;
        answer->left -= piece;
    }
    return NULL;
}

/* Reads chunks; extensions and trailers are read and left. */
static inline const char *read_chunks(Stream *stream, Answer *answer)
{
    for (;;) {
        const char *problem;
        Text line;
        if (answer->place == IN_DATA) {
            if ((problem = receive_body(stream, answer))) {
                return problem;
            }
            answer->place = BEHIND_DATA;
        }
        if ((problem = receive_up_to(stream, "\r\n", &line))) {
            return problem;
        }
        switch (answer->place) {
        case IN_SIZE:
            if (!parse_number(trimmed(split_off(&line, ";")), 16, &answer->left)) {
                return "the size of a chunk is not a number";
            }
            answer->place = answer->left ? IN_DATA : IN_TRAILERS;
            break;
        case BEHIND_DATA:
            if (line.size) {
                return "a chunk does not end where it should";
            }
            answer->place = IN_SIZE;
            break;
        default:
            if (!line.size) {
                return NULL;
            }
        }
    }
}

static inline const char *read_to_the_end(Stream *stream, Answer *answer)
{
    for (;;) {
        if (!answer->left) {
            answer->left = stream->end - stream->start;
        }
        const char *problem = receive_body(stream, answer);
        if (problem) {
            return problem;
        }
        stream->start = stream->end = 0;
        ssize_t count = stream->receive(stream, stream->input, INPUT_SIZE, false);
        if (count <= 0) {
            answer->reusable = false;
            return count ? FAILED : NULL;
        }
        stream->end = (size_t)count;
    }
}

/* Reads the body behind a head. */
static inline const char *read_body(Stream *stream, Answer *answer)
{
    const char *problem = answer->framing == SIZED     ? receive_body(stream, answer)
                          : answer->framing == CHUNKED ? read_chunks(stream, answer)
                                                       : read_to_the_end(stream, answer);
    if (!problem && stream->start < stream->end) {
        answer->reusable = false; /* What follows an answer answers nothing that was asked. */
    }
    return problem;
}

#endif
