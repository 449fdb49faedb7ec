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

typedef struct {
    PyObject_HEAD
    PyObject *endpoint; /* "host:port" */
    PyObject *names;    /* of headers: a tuple of str in ASCII */
    char *host, *port;
    int descriptor; /* -1: none */
    dev_t device;
    ino_t file; /* of the descriptor, as it was opened */
    bool whole; /* the request was sent without a failure so far */
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

/* Whether the descriptor is still the one that was opened, and not what the function opened in its place. */
static bool is_same(Connection *self)
{
    struct stat status;
    return self->descriptor >= 0 && fstat(self->descriptor, &status) == 0 && status.st_dev == self->device &&
           status.st_ino == self->file;
}

static void drop(Connection *self)
{
    if (is_same(self)) {
        close(self->descriptor);
    }
    self->descriptor = -1;
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
            PyErr_Format(PyExc_ConnectionError, "%U cannot be reached: %s", self->endpoint, reason);
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
        drop(self); /* With something to read, or its end, it is in no state to take a request. */
    }
}

static Outcome send_parts(int descriptor, struct iovec *parts, size_t count)
{
    while (count) {
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
        ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* There is room for most. */
        if (sent < 0 && errno == EAGAIN) {
            Py_BEGIN_ALLOW_THREADS
            sent = sendmsg(descriptor, &message, MSG_NOSIGNAL);
            Py_END_ALLOW_THREADS
        }
        if (sent < 0) {
            Outcome outcome = outcome_of_error();
            if (outcome == RAISED || errno != EINTR) {
                return outcome;
            }
            continue;
        }
        for (; count && (size_t)sent >= parts->iov_len; parts++, count--) {
            sent -= (ssize_t)parts->iov_len;
        }
        if (count) {
            parts->iov_base = (char *)parts->iov_base + sent;
            parts->iov_len -= (size_t)sent;
            if (PyErr_CheckSignals()) { /* One may be why it was not all. */
                return RAISED;
            }
        }
    }
    return DONE;
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

typedef struct {
    Stream stream;
    int descriptor;
    bool raised; /* whether a call that failed has set an exception; else there is a reason */
    const char *reason;
    PyObject *body;
} Incoming;

static ssize_t receive(Stream *stream, char *to, size_t size, bool whole)
{
    Incoming *self = (Incoming *)stream;
    for (;;) {
        ssize_t count;
        Py_BEGIN_ALLOW_THREADS
        count = recv(self->descriptor, to, size, whole ? MSG_WAITALL : 0);
        Py_END_ALLOW_THREADS
        if (count > 0 && whole && (size_t)count < size && PyErr_CheckSignals()) { /* One may be why it was not all. */
            self->raised = true;
            return -1;
        }
        if (count >= 0) {
            return count;
        }
        self->raised = outcome_of_error() == RAISED;
        self->reason = strerror(errno);
        if (self->raised || errno != EINTR) {
            return -1;
        }
    }
}

static char *make_room(Stream *stream, size_t size)
{
    Incoming *self = (Incoming *)stream;
    if (self->body) {
        _PyBytes_Resize(&self->body, (Py_ssize_t)size);
    } else {
        self->body = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    }
    self->raised = !self->body;
    return self->body ? PyBytes_AS_STRING(self->body) : NULL;
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
static Outcome begin_answer(Incoming *self, int descriptor)
{
    Stream *stream = &self->stream; /* Not as a whole: most of it is the input, and stays untouched. */
    stream->receive = receive;
    stream->make_room = make_room;
    stream->start = 0;
    self->descriptor = descriptor;
    self->raised = false;
    self->body = NULL;
    ssize_t count = receive(stream, stream->input, INPUT_SIZE, false);
    stream->end = count > 0 ? (size_t)count : 0;
    return count > 0 ? DONE : self->raised ? RAISED : BROKEN;
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

/* (status, values, body) of an answer that has begun. Drops a connection that is of no more use. */
static PyObject *finish_answer(Connection *self, Incoming *incoming)
{
    Answer answer = {.reusable = false};
    PyObject *values = NULL;
    const char *problem = read_head(&incoming->stream, &answer);
    if (!problem) {
        values = values_of(self->names, answer.headers);
        incoming->raised = !values;
        problem = values ? read_body(&incoming->stream, &answer) : FAILED;
    }
    if (!problem && !make_room(&incoming->stream, answer.size)) { /* Not a byte more than has come. */
        problem = FAILED;
    }
    if (problem || !answer.reusable || !self->whole) {
        drop(self);
    }
    if (!problem) {
        return Py_BuildValue("iNN", answer.status, values, incoming->body);
    }
    Py_XDECREF(values);
    Py_XDECREF(incoming->body);
    if (problem != FAILED || !incoming->raised) {
        const char *reason = problem == FAILED ? incoming->reason : problem;
        PyErr_Format(PyExc_ConnectionError, "%U sent an answer that cannot be read: %s", self->endpoint, reason);
    }
    return NULL;
}

/* ---- The methods ------------------------------------------------------------------------------------------------ */

typedef PyObject *const *Arguments;

/* The arguments, all of them bytes, as parts to send; the number of them, or -1 with an exception. */
static Py_ssize_t parts_of(Arguments arguments, Py_ssize_t count, struct iovec *parts)
{
    if (count < 1 || count > MOST_PARTS) {
        PyErr_Format(PyExc_TypeError, "1 to %d parts of a request, not %zd", MOST_PARTS, count);
        return -1;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        char *start;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(arguments[i], &start, &size)) {
            return -1;
        }
        parts[i] = (struct iovec){start, (size_t)size};
    }
    return count;
}

/* Sends a request, or more of it. Who refuses one may answer, and hang up, before all of it is read: no error yet. But
   nobody answers what we break off. */
static Outcome send_on(Connection *self, struct iovec *parts, Py_ssize_t count)
{
    Outcome outcome = send_parts(self->descriptor, parts, (size_t)count);
    self->whole = self->whole && outcome == DONE;
    if (outcome == RAISED) {
        drop(self);
    }
    return outcome;
}

static PyObject *Connection_ask(Connection *self, PyObject *request)
{
    Incoming incoming;
    for (int try = 0; try < TRIES; try++) {
        struct iovec part;
        if (parts_of(&request, 1, &part) < 0 || ensure_connected(self) == RAISED) {
            return NULL;
        }
        self->whole = true;
        int descriptor = self->descriptor; /* Another thread may drop it meanwhile. */
        Outcome outcome = send_parts(descriptor, &part, 1);
        if (outcome == DONE) {
            outcome = wait_idle(descriptor);
        }
        if (outcome == DONE) {
            outcome = begin_answer(&incoming, descriptor);
        }
        if (outcome == DONE) {
            return finish_answer(self, &incoming);
        }
        drop(self);
        if (outcome == RAISED || pause_for(PAUSES[try]) == RAISED) {
            return NULL;
        }
    }
    PyErr_Format(PyExc_ConnectionError, "%U takes connections and closes them without an answer", self->endpoint);
    return NULL;
}

static PyObject *Connection_begin(Connection *self, Arguments arguments, Py_ssize_t count)
{
    struct iovec parts[MOST_PARTS];
    if (parts_of(arguments, count, parts) < 0) {
        return NULL;
    }
    drop_dead(self);
    if (ensure_connected(self) == RAISED) {
        return NULL;
    }
    self->whole = true;
    if (send_on(self, parts, count) == RAISED) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *Connection_go_on(Connection *self, Arguments arguments, Py_ssize_t count)
{
    struct iovec parts[MOST_PARTS];
    if (parts_of(arguments, count, parts) < 0) {
        return NULL;
    }
    self->whole = self->whole && is_same(self);
    if (self->whole && send_on(self, parts, count) == RAISED) {
        return NULL;
    }
    return PyBool_FromLong(self->whole);
}

static PyObject *Connection_end(Connection *self, PyObject *Py_UNUSED(unused))
{
    Incoming incoming;
    Outcome outcome = self->whole || is_same(self) ? begin_answer(&incoming, self->descriptor) : BROKEN;
    if (outcome == DONE) {
        return finish_answer(self, &incoming);
    }
    drop(self);
    if (outcome == BROKEN) {
        PyErr_Format(PyExc_ConnectionError, "%U took a request and closed the connection without an answer",
                     self->endpoint);
    }
    return NULL;
}

static PyObject *Connection_tell(Connection *self, Arguments arguments, Py_ssize_t count)
{
    PyObject *begun = Connection_begin(self, arguments, count);
    Py_XDECREF(begun);
    return begun ? Connection_end(self, NULL) : NULL;
}

static PyObject *Connection_drop(Connection *self, PyObject *Py_UNUSED(unused))
{
    drop(self);
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
    free(self->host);
    free(self->port);
    Py_DECREF(self->endpoint);
    Py_DECREF(self->names);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef methods[] = {
    {"ask", (PyCFunction)Connection_ask, METH_O, NULL},
    {"tell", _PyCFunction_CAST(Connection_tell), METH_FASTCALL, NULL},
    {"begin", _PyCFunction_CAST(Connection_begin), METH_FASTCALL, NULL},
    {"go_on", _PyCFunction_CAST(Connection_go_on), METH_FASTCALL, NULL},
    {"end", (PyCFunction)Connection_end, METH_NOARGS, NULL},
    {"drop", (PyCFunction)Connection_drop, METH_NOARGS, NULL},
    {NULL},
};

static PyType_Slot type_slots[] = {
    {Py_tp_new, Connection_new},
    {Py_tp_dealloc, Connection_dealloc},
    {Py_tp_methods, methods},
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
