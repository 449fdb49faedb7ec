/* The connection to Lambda's Runtime API, and JSON of results; _layer_runtime.pyi says what they do and what they raise.

   In C because every invocation goes through here, and because _socket alone, with its thousand constants, is as long in
   starting as a third of the loop. All failures of the connection are ConnectionError. */

#include "Python.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "answer.h"
#include "result.h"

static const int PAUSES[] = {0, 10, 50, 250, 1000}; /* milliseconds after each try to get a connection */
enum { TRIES = sizeof(PAUSES) / sizeof(*PAUSES), MOST_PARTS = 3 };

/* How an operation ended: RAISED has set an exception, BROKEN has left the reason in errno. */
typedef enum { DONE, BROKEN, RAISED } Outcome;

/* Where an answer goes. Most of it is the stream's input, and stays untouched. */
typedef struct {
    Stream stream;
    int descriptor;
    bool raised; /* whether a call that failed has set an exception; else there is a reason */
    const char *reason;
    PyObject *body;
} Incoming;

/* Whatever a signal's handler raises, what has been sent and read stays here, and the next call goes on from there. */
typedef struct {
    PyObject_HEAD
    PyObject *endpoint; /* "host:port" */
    PyObject *names;    /* of headers: a tuple of str in ASCII */
    char *host, *port;
    int descriptor; /* -1: none */
    dev_t device;
    ino_t file; /* of the descriptor, as it was opened */

    enum { NOTHING, ASKED, TOLD } exchange; /* ASKED may be repeated until the answer begins, TOLD may not */
    PyObject *asked;                        /* the request that may be repeated */
    PyObject *parts[MOST_PARTS];            /* of the request, while they are sent */
    struct iovec unsent[MOST_PARTS], *next; /* of these parts */
    size_t unsent_count;
    int tries;
    bool on_its_way; /* this connection is the one that the request is for */
    bool whole;      /* the request was sent without a failure so far */
    bool ended;      /* nothing is to be added to the request any more */
    bool reading;    /* the answer has begun */
    Incoming *incoming;
    Answer answer;
    PyObject *values; /* of its headers, once its head is read */
    PyObject *given;  /* the answer, until another request begins */
    char failed;      /* the connection itself, and not a signal's handler, was the end of the request */
    bool busy;        /* a thread is waiting in the kernel, and lets others in */
} Connection;

/* ---- The socket ------------------------------------------------------------------------------------------------- */

/* After a system call that was interrupted: runs Python's signal handlers. */
static Outcome outcome_of_error(void)
{
    int error = errno;
    if (PyErr_CheckSignals()) {
        return RAISED;
    }
    errno = error;
    return BROKEN;
}

static Outcome pause_for(int milliseconds)
{
    Py_BEGIN_ALLOW_THREADS
    poll(NULL, 0, milliseconds);
    Py_END_ALLOW_THREADS
    return PyErr_CheckSignals() ? RAISED : DONE;
}

/* Waits for another thread that is sending, or reading. A signal's handler is none: it runs when nothing is waited for. */
static Outcome wait_for_turn(Connection *self)
{
    Outcome outcome = DONE;
    while (self->busy && outcome == DONE) {
        outcome = pause_for(1);
    }
    return outcome;
}

/* Whether the descriptor is still the one that was opened, and not what the function opened in its place. */
static bool is_same(Connection *self)
{
    struct stat status;
    return self->descriptor >= 0 && fstat(self->descriptor, &status) == 0 && status.st_dev == self->device &&
           status.st_ino == self->file;
}

/* Lets objects go, or NULLs. To do so can let another thread in where there is no GIL: that is done when the connection
   is as it should be. */
static void let_go(PyObject *const *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        Py_XDECREF(objects[i]);
    }
}

static void replace_parts(Connection *self, PyObject *const *parts)
{
    PyObject *last[MOST_PARTS];
    memcpy(last, self->parts, sizeof(last));
    memcpy(self->parts, parts, sizeof(last));
    let_go(last, MOST_PARTS);
}

static void forget_parts(Connection *self)
{
    static PyObject *const NONE[MOST_PARTS];
    self->unsent_count = 0;
    replace_parts(self, NONE);
}

static void disconnect(Connection *self)
{
    if (is_same(self)) {
        close(self->descriptor);
    }
    self->descriptor = -1;
    self->on_its_way = false;
}

static void drop(Connection *self)
{
    disconnect(self);
    forget_parts(self);
}

/* Begins an exchange: what belongs to the last one goes, and its connection too if it is to. */
static void start_over(Connection *self, int exchange, bool dropping)
{
    PyObject *last[] = {self->given, self->values, self->incoming->body, self->asked};
    self->given = self->values = self->incoming->body = self->asked = NULL;
    self->exchange = exchange;
    self->tries = 0;
    self->on_its_way = self->ended = self->reading = false;
    self->whole = true;
    self->failed = false;
    if (dropping) {
        drop(self);
    }
    let_go(last, sizeof(last) / sizeof(*last));
}

/* The same; the connection goes if it waits for something. */
static void begin_exchange(Connection *self, int exchange)
{
    start_over(self, exchange, self->exchange != NOTHING && !self->given);
}

/* Ends an exchange with a ConnectionError. */
static PyObject *fail(Connection *self, const char *format, const char *reason)
{
    start_over(self, NOTHING, true);
    self->failed = true;
    return PyErr_Format(PyExc_ConnectionError, format, self->endpoint, reason);
}

/* An open socket under another number, if the function closed a standard stream: prints would end up in it. */
static int above_standard_streams(int descriptor)
{
    if (descriptor < 0 || descriptor > STDERR_FILENO) {
        return descriptor;
    }
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    close(descriptor);
    return copy;
}

static Outcome connect_to(Connection *self, struct addrinfo *address)
{
    int descriptor = above_standard_streams(socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (descriptor < 0) {
        return BROKEN;
    }
    int failed;
    Py_BEGIN_ALLOW_THREADS
    failed = connect(descriptor, address->ai_addr, address->ai_addrlen);
    Py_END_ALLOW_THREADS
    struct stat status;
    if (failed || fstat(descriptor, &status)) {
        Outcome outcome = outcome_of_error();
        int error = errno;
        close(descriptor);
        errno = error;
        return outcome;
    }
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    self->descriptor = descriptor;
    self->device = status.st_dev;
    self->file = status.st_ino;
    return DONE;
}

/* One try; what is wrong is in `reason`. */
static Outcome try_to_connect(Connection *self, const char **reason)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int problem;
    Py_BEGIN_ALLOW_THREADS
    problem = getaddrinfo(*self->host ? self->host : NULL, self->port, &hints, &addresses);
    Py_END_ALLOW_THREADS
    *reason = problem == EAI_SYSTEM ? strerror(errno) : gai_strerror(problem);
    Outcome outcome = problem ? outcome_of_error() : BROKEN;
    for (struct addrinfo *each = addresses; each && outcome == BROKEN; each = each->ai_next) {
        outcome = connect_to(self, each);
        *reason = strerror(errno);
    }
    if (addresses) {
        freeaddrinfo(addresses);
    }
    return outcome;
}

/* Connects, if there is no connection. */
static Outcome ensure_connected(Connection *self)
{
    const char *reason = "";
    for (int try = 0; self->descriptor < 0; try++) {
        if (try == TRIES) {
            fail(self, "%U cannot be reached: %s", reason);
            return RAISED;
        }
        Outcome outcome = try_to_connect(self, &reason);
        if (outcome == RAISED || (outcome == BROKEN && pause_for(PAUSES[try]) == RAISED)) {
            return RAISED;
        }
    }
    return DONE;
}

/* Drops a connection that was closed, or broken by the function, since the last answer. */
static void drop_dead(Connection *self)
{
    char byte;
    if (!is_same(self) || recv(self->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN) {
        disconnect(self); /* With something to read, or its end, it is in no state to take a request. */
    }
}

/* Takes parts over, to be sent behind what is still to be sent; false with an exception. */
static bool take(Connection *self, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *parts[MOST_PARTS] = {NULL};
    if (self->unsent_count) { /* It was broken off. Rare enough for a copy. */
        PyObject *rest = PyBytes_FromStringAndSize(NULL, 0);
        for (size_t i = 0; rest && i < self->unsent_count; i++) {
            const struct iovec *part = &self->next[i];
            PyBytes_ConcatAndDel(&rest, PyBytes_FromStringAndSize(part->iov_base, (Py_ssize_t)part->iov_len));
        }
        for (Py_ssize_t i = 0; rest && i < count; i++) {
            PyBytes_Concat(&rest, arguments[i]);
        }
        if (!rest) {
            return false;
        }
        parts[0] = rest;
        count = 1;
    } else {
        for (Py_ssize_t i = 0; i < count; i++) {
            parts[i] = Py_NewRef(arguments[i]);
        }
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        self->unsent[i] = (struct iovec){PyBytes_AS_STRING(parts[i]), (size_t)PyBytes_GET_SIZE(parts[i])};
    }
    self->next = self->unsent;
    self->unsent_count = (size_t)count;
    replace_parts(self, parts);
    return true;
}

/* Sends what is still to be sent. Who refuses a request may answer, and hang up, before all of it is read. */
static Outcome push(Connection *self)
{
    while (self->unsent_count) {
        struct msghdr message = {.msg_iov = self->next, .msg_iovlen = self->unsent_count};
        ssize_t sent = sendmsg(self->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* There is room for most. */
        if (sent < 0 && errno == EAGAIN) {
            int descriptor = self->descriptor;
            self->busy = true;
            Py_BEGIN_ALLOW_THREADS
            sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
            Py_END_ALLOW_THREADS
            self->busy = false;
        }
        if (sent < 0) {
            Outcome outcome = outcome_of_error();
            if (outcome == RAISED) {
                return RAISED;
            }
            if (errno != EINTR) {
                int error = errno;
                self->whole = false;
                forget_parts(self);
                errno = error;
                return BROKEN;
            }
            continue;
        }
        for (; self->unsent_count && (size_t)sent >= self->next->iov_len; self->next++, self->unsent_count--) {
            sent -= (ssize_t)self->next->iov_len;
        }
        if (self->unsent_count) {
            self->next->iov_base = (char *)self->next->iov_base + sent;
            self->next->iov_len -= (size_t)sent;
            if (PyErr_CheckSignals()) { /* One may be why it was not all. */
                return RAISED;
            }
        }
    }
    forget_parts(self);
    return DONE;
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

static ssize_t receive(Stream *stream, char *to, size_t size, bool whole)
{
    Incoming *incoming = (Incoming *)stream;
    for (;;) {
        if (PyErr_CheckSignals()) { /* One may be why it was not all, the last time. */
            incoming->raised = true;
            return -1;
        }
        ssize_t count;
        Py_BEGIN_ALLOW_THREADS
        count = recv(incoming->descriptor, to, size, whole ? MSG_WAITALL : 0);
        Py_END_ALLOW_THREADS
        if (count >= 0) {
            return count;
        }
        if (errno != EINTR) {
            incoming->raised = false;
            incoming->reason = strerror(errno);
            return -1;
        }
    }
}

static char *make_room(Stream *stream, size_t size)
{
    Incoming *incoming = (Incoming *)stream;
    if (incoming->body) {
        _PyBytes_Resize(&incoming->body, (Py_ssize_t)size);
    } else {
        incoming->body = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    }
    if (!incoming->body) {
        PyErr_Clear();
        incoming->raised = false;
        incoming->reason = "there is no memory for it";
        return NULL;
    }
    return PyBytes_AS_STRING(incoming->body);
}

/* Waits until there is something to read, however long it takes. A signal that comes between the last look for one
   and the waiting would be noticed only after it; so signals are held back, and let through by ppoll alone. (Another
   thread of the function's may still take one in just that moment.) */
static Outcome wait_idle(int descriptor)
{
    for (;;) {
        if (PyErr_CheckSignals()) { /* Here, and not below, handlers run that came while we waited: with nothing held. */
            return RAISED;
        }
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        bool raised = PyErr_CheckSignals(), ready = false;
        if (!raised) {
            struct pollfd socket = {.fd = descriptor, .events = POLLIN};
            Py_BEGIN_ALLOW_THREADS
            ready = ppoll(&socket, 1, NULL, &before) >= 0 || errno != EINTR;
            Py_END_ALLOW_THREADS
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (raised || ready) {
            return raised ? RAISED : DONE;
        }
    }
}

/* Reads the first bytes of an answer; BROKEN too when the connection ends instead. */
static Outcome begin_answer(Connection *self)
{
    Incoming *incoming = self->incoming;
    Stream *stream = &incoming->stream;
    stream->start = stream->end = 0;
    incoming->descriptor = self->descriptor;
    self->answer = (Answer){.reusable = false};
    ssize_t count = receive(stream, stream->input, INPUT_SIZE, false);
    if (count <= 0) {
        return count && incoming->raised ? RAISED : BROKEN;
    }
    stream->end = (size_t)count;
    self->reading = true;
    return DONE;
}

/* The values of the headers that are wanted, None for one that is not there. */
static PyObject *values_of(PyObject *names, Text rest)
{
    Py_ssize_t count = PyTuple_GET_SIZE(names);
    PyObject *values = PyTuple_New(count);
    for (Py_ssize_t i = 0; values && i < count; i++) {
        PyTuple_SET_ITEM(values, i, Py_NewRef(Py_None));
    }
    while (values && rest.size) {
        Text value = split_off(&rest, "\r\n");
        Text name = split_off(&value, ":");
        value = trimmed(value);
        for (Py_ssize_t i = 0; i < count; i++) {
            if (text_is(name, PyUnicode_DATA(PyTuple_GET_ITEM(names, i)))) {
                PyObject *text = PyUnicode_DecodeUTF8(value.start, (Py_ssize_t)value.size, "replace");
                if (!text) {
                    Py_CLEAR(values);
                    break;
                }
                Py_SETREF(PyTuple_GET_ITEM(values, i), text);
            }
        }
    }
    return values;
}

static const char UNREADABLE[] = "%U sent an answer that cannot be read: %s";
static const char UNANSWERED[] = "%U took a request and closed the connection without an answer";

/* (status, values, body) of an answer that has begun. Drops a connection that is of no more use. */
static PyObject *finish_answer(Connection *self)
{
    Incoming *incoming = self->incoming;
    const char *problem = NULL;
    if (!self->values) {
        problem = read_head(&incoming->stream, &self->answer);
        if (!problem && !(self->values = values_of(self->names, self->answer.headers))) {
            PyErr_Clear();
            return fail(self, UNREADABLE, "there is no memory for its headers");
        }
    }
    if (!problem) {
        problem = read_body(&incoming->stream, &self->answer);
    }
    if (!problem && !make_room(&incoming->stream, self->answer.size)) { /* Not a byte more than has come. */
        problem = FAILED;
    }
    if (problem == FAILED && incoming->raised) {
        return NULL; /* Of a signal's handler, and the next call goes on from here. */
    }
    if (problem) {
        return fail(self, UNREADABLE, problem == FAILED ? incoming->reason : problem);
    }
    PyObject *values = self->values, *body = incoming->body;
    self->values = incoming->body = NULL;
    self->given = Py_BuildValue("iNN", self->answer.status, values, body);
    if (!self->given) {
        PyErr_Clear();
        return fail(self, UNREADABLE, "there is no memory for it");
    }
    if (!self->answer.reusable || !self->whole) {
        drop(self);
    }
    return Py_NewRef(self->given);
}

/* ---- The methods ------------------------------------------------------------------------------------------------ */

typedef PyObject *const *Arguments;

static bool are_parts(Arguments arguments, Py_ssize_t count)
{
    if (count < 1 || count > MOST_PARTS) {
        PyErr_Format(PyExc_TypeError, "1 to %d parts of a request, not %zd", MOST_PARTS, count);
        return false;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        if (!PyBytes_Check(arguments[i])) {
            PyErr_Format(PyExc_TypeError, "a part of a request is bytes, not %.100s", Py_TYPE(arguments[i])->tp_name);
            return false;
        }
    }
    return true;
}

/* Brings a request that must not be repeated on its way, on a connection that is alive as far as one can know. */
static Outcome send_on(Connection *self)
{
    if (!self->on_its_way) {
        drop_dead(self);
        if (ensure_connected(self) == RAISED) {
            return RAISED;
        }
        self->on_its_way = true;
    }
    return push(self);
}

/* The answer to a request that must not be repeated. */
static PyObject *finish_telling(Connection *self)
{
    if (self->given) {
        return Py_NewRef(self->given);
    }
    self->ended = true;
    Outcome outcome = self->reading ? DONE : send_on(self);
    if (outcome != RAISED && !self->reading) {
        outcome = self->whole || is_same(self) ? begin_answer(self) : BROKEN;
    }
    switch (outcome) {
    case DONE:
        return finish_answer(self);
    case BROKEN:
        return fail(self, UNANSWERED, NULL);
    default:
        return NULL;
    }
}

static PyObject *Connection_ask(Connection *self, PyObject *request)
{
    if (wait_for_turn(self) == RAISED || !are_parts(&request, 1)) {
        return NULL;
    }
    if (self->exchange == TOLD && !self->given) { /* It was broken off, and nobody has asked for its end. */
        PyObject *answer = finish_telling(self);
        if (!answer && !self->failed) {
            return NULL;
        }
        PyErr_Clear();
        Py_XDECREF(answer);
    }
    if (self->exchange != ASKED || self->asked != request) {
        begin_exchange(self, ASKED);
        self->asked = Py_NewRef(request);
    } else if (self->given) {
        return Py_NewRef(self->given);
    } else if (self->on_its_way && !is_same(self)) { /* A signal's handler closed it. */
        if (self->reading) {
            return fail(self, UNREADABLE, "the function closed the connection");
        }
        drop(self);
    }
    while (!self->reading) {
        if (self->tries == TRIES) {
            return fail(self, "%U takes connections and closes them without an answer", NULL);
        }
        if (ensure_connected(self) == RAISED || (!self->on_its_way && !take(self, &request, 1))) {
            return NULL;
        }
        self->on_its_way = self->whole = true;
        int descriptor = self->descriptor; /* Another thread may drop it meanwhile. */
        Outcome outcome = push(self);
        if (outcome == DONE) {
            outcome = wait_idle(descriptor);
        }
        if (outcome == DONE) {
            outcome = begin_answer(self);
        }
        if (outcome == RAISED) {
            return NULL;
        }
        if (outcome == BROKEN) {
            drop(self);
            if (pause_for(PAUSES[self->tries++]) == RAISED) {
                return NULL;
            }
        }
    }
    return finish_answer(self);
}

static PyObject *Connection_begin(Connection *self, Arguments arguments, Py_ssize_t count)
{
    if (!are_parts(arguments, count)) {
        return NULL;
    }
    begin_exchange(self, TOLD);
    if (!take(self, arguments, count) || send_on(self) == RAISED) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *Connection_go_on(Connection *self, Arguments arguments, Py_ssize_t count)
{
    if (!are_parts(arguments, count)) {
        return NULL;
    }
    if (self->exchange != TOLD || self->ended) {
        Py_RETURN_FALSE; /* It is over: a thread of the function's was late. */
    }
    if (wait_for_turn(self) == RAISED) {
        return NULL;
    }
    if (self->on_its_way) {
        self->whole = self->whole && is_same(self);
    }
    if (self->whole && (!take(self, arguments, count) || send_on(self) == RAISED)) {
        return NULL;
    }
    return PyBool_FromLong(self->whole);
}

static PyObject *Connection_end(Connection *self, Arguments arguments, Py_ssize_t count)
{
    if (count) {
        PyObject *goes_on = Connection_go_on(self, arguments, count);
        if (!goes_on) {
            return NULL;
        }
        Py_DECREF(goes_on);
    }
    if (wait_for_turn(self) == RAISED) {
        return NULL;
    }
    if (self->exchange != TOLD) {
        return fail(self, "nothing was begun with %U", NULL);
    }
    if (self->on_its_way && !self->given && !is_same(self)) { /* A signal's handler, or the function, closed it. */
        return fail(self, UNANSWERED, NULL);
    }
    return finish_telling(self);
}

static PyObject *Connection_tell(Connection *self, Arguments arguments, Py_ssize_t count)
{
    PyObject *begun = Connection_begin(self, arguments, count);
    Py_XDECREF(begun);
    return begun ? finish_telling(self) : NULL;
}

static PyObject *Connection_drop(Connection *self, PyObject *Py_UNUSED(unused))
{
    start_over(self, NOTHING, true);
    Py_RETURN_NONE;
}

static PyObject *Connection_hurry(Connection *self, PyObject *milliseconds)
{
    long time = PyLong_AsLong(milliseconds);
    if (time == -1 && PyErr_Occurred()) {
        return NULL;
    }
    if (is_same(self)) {
        struct timeval most = {.tv_sec = time / 1000, .tv_usec = time % 1000 * 1000};
        setsockopt(self->descriptor, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
        setsockopt(self->descriptor, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    }
    Py_RETURN_NONE;
}

/* "host:port"; a host that is an IPv6 address stands in brackets. */
static bool parse_endpoint(Connection *self, const char *text)
{
    const char *colon = strrchr(text, ':');
    size_t port;
    if (!colon || !parse_number((Text){colon + 1, strlen(colon + 1)}, 10, &port) || port > 65535) {
        return false;
    }
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    self->host = strndup(text + bracketed, (size_t)(colon - text) - 2 * bracketed);
    self->port = strdup(colon + 1);
    return self->host && self->port;
}

static bool are_names(PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_Check(name) || !PyUnicode_IS_ASCII(name)) {
            return false;
        }
    }
    return true;
}

static PyObject *Connection_new(PyTypeObject *type, PyObject *arguments, PyObject *Py_UNUSED(keywords))
{
    PyObject *endpoint, *names;
    if (!PyArg_ParseTuple(arguments, "UO!:Connection", &endpoint, &PyTuple_Type, &names)) {
        return NULL;
    }
    const char *text = PyUnicode_AsUTF8(endpoint);
    Connection *self = text ? (Connection *)type->tp_alloc(type, 0) : NULL;
    if (!self) {
        return NULL;
    }
    self->endpoint = Py_NewRef(endpoint);
    self->names = Py_NewRef(names);
    self->descriptor = -1;
    self->incoming = malloc(sizeof(Incoming)); /* What of it is never used takes no memory. */
    if (!self->incoming) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    self->incoming->stream.receive = receive;
    self->incoming->stream.make_room = make_room;
    self->incoming->body = NULL;
    if (!parse_endpoint(self, text)) {
        PyErr_Format(PyExc_ValueError, "%R should be host:port", endpoint);
        Py_CLEAR(self);
    } else if (!are_names(names)) {
        PyErr_SetString(PyExc_TypeError, "names of headers are str, in ASCII");
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

static void Connection_dealloc(Connection *self)
{
    PyTypeObject *type = Py_TYPE(self);
    drop(self);
    if (self->incoming) {
        Py_XDECREF(self->incoming->body);
        free(self->incoming);
    }
    Py_XDECREF(self->asked);
    Py_XDECREF(self->values);
    Py_XDECREF(self->given);
    free(self->host);
    free(self->port);
    Py_DECREF(self->endpoint);
    Py_DECREF(self->names);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Where there is no GIL, a method has its connection to itself in a critical section, and lets others in where it would
   let the GIL go: while it waits. A signal's handler gets in, too: it runs in the thread that is inside. */
#ifdef Py_GIL_DISABLED
#define ALONE(name, parameters, arguments)                                                                            \
    static PyObject *alone_##name parameters                                                                          \
    {                                                                                                                 \
        PyObject *result;                                                                                             \
        Py_BEGIN_CRITICAL_SECTION(self);                                                                              \
        result = Connection_##name arguments;                                                                         \
        Py_END_CRITICAL_SECTION();                                                                                    \
        return result;                                                                                                \
    }
#define ALONE_WITH_ONE(name) ALONE(name, (Connection *self, PyObject *argument), (self, argument))
#define ALONE_WITH_PARTS(name) ALONE(name, (Connection *self, Arguments parts, Py_ssize_t count), (self, parts, count))
ALONE_WITH_ONE(ask)
ALONE_WITH_ONE(drop)
ALONE_WITH_ONE(hurry)
ALONE_WITH_PARTS(tell)
ALONE_WITH_PARTS(begin)
ALONE_WITH_PARTS(go_on)
ALONE_WITH_PARTS(end)
#define METHOD(name) _PyCFunction_CAST(alone_##name)
#else
#define METHOD(name) _PyCFunction_CAST(Connection_##name)
#endif

static PyMethodDef methods[] = {
    {"ask", METHOD(ask), METH_O, NULL},
    {"tell", METHOD(tell), METH_FASTCALL, NULL},
    {"begin", METHOD(begin), METH_FASTCALL, NULL},
    {"go_on", METHOD(go_on), METH_FASTCALL, NULL},
    {"end", METHOD(end), METH_FASTCALL, NULL},
    {"drop", METHOD(drop), METH_NOARGS, NULL},
    {"hurry", METHOD(hurry), METH_O, NULL},
    {NULL},
};

static PyMemberDef members[] = {
    {"failed", Py_T_BOOL, offsetof(Connection, failed), Py_READONLY, NULL},
    {NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, Connection_new},
    {Py_tp_dealloc, Connection_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_members, members},
    {0, NULL},
};

static PyType_Spec type_spec = {
    .name = "_layer_runtime.Connection",
    .basicsize = sizeof(Connection),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = type_slots,
};

/* ---- The module ------------------------------------------------------------------------------------------------- */

static PyObject *to_json(PyObject *Py_UNUSED(module), PyObject *value)
{
    PyObject *json = write_result(value);
    if (!json) { /* Whatever was in the way: others come upon the same, and say it better. */
        PyErr_SetString(PyExc_ValueError, "not plain");
    }
    return json;
}

static PyMethodDef functions[] = {
    {"to_json", to_json, METH_O, NULL},
    {NULL},
};

static int execute(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &type_spec, NULL);
    int failed = type ? PyModule_AddType(module, (PyTypeObject *)type) : -1;
    Py_XDECREF(type);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, execute},
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_layer_runtime",
    .m_methods = functions,
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__layer_runtime(void)
{
    return PyModuleDef_Init(&definition);
}
