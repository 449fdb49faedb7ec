/* The connection to Lambda's Runtime API, as a class of PHP; runtime/php/layer_runtime/api.php calls it.

   In C because it waits for days with signals let through, keeps what it has read when it is interrupted, and notices
   what a function does to its descriptor; and because it is none of the function's classes. A failure of the connection
   is a LayerRuntime\ConnectionError. */

#include "php.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext/spl/spl_exceptions.h"
#include "zend_exceptions.h"
#include "zend_interfaces.h"

#include "answer.h"

static const int PAUSES[] = {0, 10, 50, 250, 1000}; /* milliseconds after each try to get a connection */
enum { TRIES = sizeof(PAUSES) / sizeof(*PAUSES), MOST_PARTS = 3 };

/* How an operation ended: THROWN has set an exception, BROKEN has left the reason in errno. */
typedef enum { DONE, BROKEN, THROWN } Outcome;

/* Where an answer goes. Most of it is the stream's input, and stays untouched. */
typedef struct {
    Stream stream;
    int descriptor;
    const char *reason; /* why a call failed */
    zend_string *body;
} Incoming;

typedef struct {
    zend_string *endpoint; /* "host:port" */
    char *host, *port;
    int descriptor; /* -1: none */
    dev_t device;
    ino_t file;   /* of the descriptor, as it was opened */
    bool waiting; /* a request that may be repeated is on its way, and nothing of its answer has come */
    bool begun;   /* a request that may not be repeated is on its way, and has not been ended */
    bool whole;   /* it was sent without a failure so far */
    Incoming *incoming;
    Answer answer;
    zend_object object;
} Connection;

static zend_class_entry *connection_class, *error_class;
static zend_object_handlers connection_handlers;

static Connection *connection_of(zend_object *object)
{
    return (Connection *)((char *)object - offsetof(Connection, object));
}

/* ---- The socket ------------------------------------------------------------------------------------------------- */

static void pause_for(int milliseconds)
{
    poll(NULL, 0, milliseconds);
}

/* Whether the descriptor is still the one that was opened, and not what the function opened in its place. */
static bool is_same(Connection *self)
{
    struct stat status;
    return self->descriptor >= 0 && fstat(self->descriptor, &status) == 0 && status.st_dev == self->device &&
           status.st_ino == self->file;
}

static void disconnect(Connection *self)
{
    if (is_same(self)) {
        close(self->descriptor);
    }
    self->descriptor = -1;
    self->waiting = self->begun = false;
}

static void forget_body(Connection *self)
{
    if (self->incoming->body) {
        zend_string_release(self->incoming->body);
        self->incoming->body = NULL;
    }
}

/* Throws a ConnectionError, and leaves the connection. */
static void fail(Connection *self, const char *format, const char *reason)
{
    disconnect(self);
    forget_body(self);
    zend_throw_exception_ex(error_class, 0, format, ZSTR_VAL(self->endpoint), reason);
}

static const char UNANSWERED[] = "%s took a request and closed the connection without an answer";
static const char UNREADABLE[] = "%s sent an answer that cannot be read: %s";

/* An open socket under another number, if the function closed a standard stream: what is echoed would end up in it. */
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
    struct stat status;
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) || fstat(descriptor, &status)) {
        int error = errno;
        close(descriptor);
        errno = error;
        return BROKEN;
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
    int problem = getaddrinfo(*self->host ? self->host : NULL, self->port, &hints, &addresses);
    *reason = problem == EAI_SYSTEM ? strerror(errno) : gai_strerror(problem);
    Outcome outcome = BROKEN;
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
    if (!self->endpoint) { /* Reflection makes objects without their constructor. */
        zend_throw_error(NULL, "It is not constructed");
        return THROWN;
    }
    for (int try = 0; self->descriptor < 0; try++) {
        if (try == TRIES) {
            fail(self, "%s cannot be reached: %s", reason);
            return THROWN;
        }
        if (try_to_connect(self, &reason) == BROKEN) {
            pause_for(PAUSES[try]);
        }
    }
    return DONE;
}

/* Leaves a connection that was closed, or broken by the function, since the last answer. */
static void drop_dead(Connection *self)
{
    char byte;
    if (!is_same(self) || recv(self->descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN) {
        disconnect(self); /* With something to read, or its end, it is in no state to take a request. */
    }
}

/* Sends parts of a request, one behind the other. */
static Outcome push(Connection *self, zval *parts, uint32_t count)
{
    struct iovec unsent[MOST_PARTS], *next = unsent;
    for (uint32_t i = 0; i < count; i++) {
        unsent[i] = (struct iovec){Z_STRVAL(parts[i]), Z_STRLEN(parts[i])};
    }
    while (count) {
        struct msghdr message = {.msg_iov = next, .msg_iovlen = count};
        ssize_t sent = sendmsg(self->descriptor, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EINTR) {
                self->whole = false;
                return BROKEN;
            }
            continue;
        }
        for (; count && (size_t)sent >= next->iov_len; next++, count--) {
            sent -= (ssize_t)next->iov_len;
        }
        if (count) {
            next->iov_base = (char *)next->iov_base + sent;
            next->iov_len -= (size_t)sent;
        }
    }
    return DONE;
}

/* ---- The answer ------------------------------------------------------------------------------------------------- */

static ssize_t receive(Stream *stream, char *to, size_t size, bool whole)
{
    Incoming *incoming = (Incoming *)stream;
    for (;;) {
        ssize_t count = recv(incoming->descriptor, to, size, whole ? MSG_WAITALL : 0);
        if (count >= 0) {
            return count;
        }
        if (errno != EINTR) {
            incoming->reason = strerror(errno);
            return -1;
        }
    }
}

static char *make_room(Stream *stream, size_t size)
{
    Incoming *incoming = (Incoming *)stream;
    incoming->body =
        incoming->body ? zend_string_realloc(incoming->body, size, false) : zend_string_alloc(size, false);
    return ZSTR_VAL(incoming->body);
}

/* Runs what the function wants done on signals that have come; THROWN if that throws, or ends the process. */
static Outcome handle_signals(void)
{
    if (zend_atomic_bool_load_ex(&EG(vm_interrupt)) && zend_interrupt_function) {
        zend_atomic_bool_store_ex(&EG(vm_interrupt), false);
        zend_interrupt_function(EG(current_execute_data));
    }
    return EG(exception) ? THROWN : DONE;
}

/* Waits until there is something to read, however long it takes. A signal that comes between the last look for one and
   the waiting would be noticed only after it; so signals are held back, and let through by ppoll alone. */
static Outcome wait_idle(int descriptor)
{
    for (;;) {
        if (handle_signals() == THROWN) { /* Those that came while we waited: with nothing held back. */
            return THROWN;
        }
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        bool ready = false, signaled = zend_atomic_bool_load_ex(&EG(vm_interrupt));
        if (!signaled) {
            struct pollfd socket = {.fd = descriptor, .events = POLLIN};
            ready = ppoll(&socket, 1, NULL, &before) >= 0 || errno != EINTR;
        }
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (ready) {
            return DONE;
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
    forget_body(self);
    ssize_t count = receive(stream, stream->input, INPUT_SIZE, false);
    if (count <= 0) {
        return BROKEN;
    }
    stream->end = (size_t)count;
    return DONE;
}

/* The headers by their names in lower case. */
static void headers_to_array(Text rest, zval *array)
{
    array_init(array);
    while (rest.size) {
        Text value = split_off(&rest, "\r\n");
        Text name = split_off(&value, ":");
        value = trimmed(value);
        zend_string *key = zend_string_init(name.start, name.size, false);
        for (size_t i = 0; i < name.size; i++) {
            ZSTR_VAL(key)[i] = lowered(ZSTR_VAL(key)[i]);
        }
        zval text;
        ZVAL_STRINGL(&text, value.start, value.size);
        zend_hash_update(Z_ARRVAL_P(array), key, &text);
        zend_string_release(key);
    }
}

/* [status, headers, body] of an answer that has begun. Leaves a connection that is of no more use. */
static void finish_answer(Connection *self, zval *result)
{
    Incoming *incoming = self->incoming;
    zval headers;
    self->waiting = self->begun = false;
    const char *problem = read_head(&incoming->stream, &self->answer);
    if (!problem) {
        headers_to_array(self->answer.headers, &headers);
        problem = read_body(&incoming->stream, &self->answer);
        if (problem) {
            zval_ptr_dtor(&headers);
        }
    }
    if (problem) {
        fail(self, UNREADABLE, problem == FAILED ? incoming->reason : problem);
        return;
    }
    if (!self->answer.reusable || !self->whole) {
        disconnect(self);
    }
    array_init_size(result, 3);
    add_next_index_long(result, self->answer.status);
    add_next_index_zval(result, &headers);
    if (incoming->body) {
        add_next_index_str(result, zend_string_truncate(incoming->body, self->answer.size, false));
        ZSTR_VAL(Z_STR_P(zend_hash_index_find(Z_ARRVAL_P(result), 2)))[self->answer.size] = 0;
        incoming->body = NULL;
    } else {
        add_next_index_str(result, ZSTR_EMPTY_ALLOC());
    }
}

/* ---- The methods ------------------------------------------------------------------------------------------------ */

static bool take_parts(zval *parts, uint32_t count)
{
    if (count > MOST_PARTS) {
        zend_argument_count_error("at most %d parts of a request, not %u", MOST_PARTS, count);
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (Z_TYPE(parts[i]) != IS_STRING) {
            zend_argument_type_error(i + 1, "must be of type string, %s given", zend_zval_type_name(&parts[i]));
            return false;
        }
    }
    return true;
}

/* "host:port"; a host that is an IPv6 address stands in brackets. */
static bool parse_endpoint(Connection *self, zend_string *endpoint)
{
    const char *text = ZSTR_VAL(endpoint), *colon = strrchr(text, ':');
    size_t port;
    if (strlen(text) != ZSTR_LEN(endpoint) || !colon ||
        !parse_number((Text){colon + 1, strlen(colon + 1)}, 10, &port) || port > 65535) {
        return false;
    }
    bool bracketed = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    self->host = estrndup(text + bracketed, (size_t)(colon - text) - 2 * bracketed);
    self->port = estrdup(colon + 1);
    return true;
}

ZEND_METHOD(Connection, __construct)
{
    zend_string *endpoint;
    ZEND_PARSE_PARAMETERS_START(1, 1)
        Z_PARAM_STR(endpoint)
    ZEND_PARSE_PARAMETERS_END();
    Connection *self = connection_of(Z_OBJ_P(ZEND_THIS));
    if (self->endpoint) {
        zend_throw_error(NULL, "It is constructed already");
    } else if (!parse_endpoint(self, endpoint)) {
        zend_argument_value_error(1, "must be host:port");
    } else {
        self->endpoint = zend_string_copy(endpoint);
    }
}

/* Asks: a request that may be repeated until its answer begins. If a signal's handler throws meanwhile, it is waited for
   the same answer when the same is asked again. */
ZEND_METHOD(Connection, ask)
{
    zval *request;
    ZEND_PARSE_PARAMETERS_START(1, 1)
        Z_PARAM_ZVAL(request)
    ZEND_PARSE_PARAMETERS_END();
    Connection *self = connection_of(Z_OBJ_P(ZEND_THIS));
    if (!take_parts(request, 1)) {
        RETURN_THROWS();
    }
    if (self->begun || (self->waiting && !is_same(self))) {
        disconnect(self);
    }
    for (int tries = 0; tries < TRIES; tries++) {
        if (!self->waiting) {
            drop_dead(self);
            if (ensure_connected(self) == THROWN) {
                RETURN_THROWS();
            }
            self->waiting = self->whole = true;
            push(self, request, 1); /* Who refuses it may answer. */
        }
        if (wait_idle(self->descriptor) == THROWN) {
            RETURN_THROWS();
        }
        if (begin_answer(self) == DONE) {
            finish_answer(self, return_value);
            return;
        }
        disconnect(self);
        pause_for(PAUSES[tries]);
    }
    fail(self, "%s takes connections and closes them without an answer", NULL);
}

/* Brings the beginning of a request that must not be repeated on its way. */
static Outcome begin(Connection *self, zval *parts, uint32_t count)
{
    if (self->begun || self->waiting) {
        disconnect(self);
    }
    drop_dead(self);
    if (ensure_connected(self) == THROWN) {
        return THROWN;
    }
    self->begun = self->whole = true;
    push(self, parts, count);
    return DONE;
}

/* The answer to a request that must not be repeated. */
static void finish_telling(Connection *self, zval *result)
{
    if (is_same(self) && begin_answer(self) == DONE) {
        finish_answer(self, result);
    } else {
        fail(self, UNANSWERED, NULL);
    }
}

/* Tells: a request that must not be repeated, in up to three parts. */
ZEND_METHOD(Connection, tell)
{
    zval *parts;
    uint32_t count;
    ZEND_PARSE_PARAMETERS_START(1, -1)
        Z_PARAM_VARIADIC('+', parts, count)
    ZEND_PARSE_PARAMETERS_END();
    Connection *self = connection_of(Z_OBJ_P(ZEND_THIS));
    if (take_parts(parts, count) && begin(self, parts, count) == DONE) {
        finish_telling(self, return_value);
    }
}

/* Begins to tell; goOn() and end() bring the rest. */
ZEND_METHOD(Connection, begin)
{
    zval *parts;
    uint32_t count;
    ZEND_PARSE_PARAMETERS_START(1, -1)
        Z_PARAM_VARIADIC('+', parts, count)
    ZEND_PARSE_PARAMETERS_END();
    if (take_parts(parts, count)) {
        begin(connection_of(Z_OBJ_P(ZEND_THIS)), parts, count);
    }
}

/* Adds to what was begun; false when nobody takes it any more. */
ZEND_METHOD(Connection, goOn)
{
    zval *parts;
    uint32_t count;
    ZEND_PARSE_PARAMETERS_START(1, -1)
        Z_PARAM_VARIADIC('+', parts, count)
    ZEND_PARSE_PARAMETERS_END();
    Connection *self = connection_of(Z_OBJ_P(ZEND_THIS));
    if (!take_parts(parts, count)) {
        RETURN_THROWS();
    }
    self->whole = self->whole && is_same(self);
    RETURN_BOOL(self->begun && self->whole && push(self, parts, count) == DONE);
}

/* Adds the last of what was begun, and gives the answer. */
ZEND_METHOD(Connection, end)
{
    zval *parts;
    uint32_t count;
    ZEND_PARSE_PARAMETERS_START(1, -1)
        Z_PARAM_VARIADIC('+', parts, count)
    ZEND_PARSE_PARAMETERS_END();
    Connection *self = connection_of(Z_OBJ_P(ZEND_THIS));
    if (!take_parts(parts, count)) {
        RETURN_THROWS();
    }
    if (!self->begun) {
        fail(self, "nothing was begun with %s", NULL);
        RETURN_THROWS();
    }
    if (self->whole && is_same(self)) {
        push(self, parts, count);
    }
    finish_telling(self, return_value);
}

/* Writes to the log, whatever has become of STDOUT and STDERR. */
ZEND_FUNCTION(write_log)
{
    zend_string *text;
    zend_long descriptor = STDOUT_FILENO;
    ZEND_PARSE_PARAMETERS_START(1, 2)
        Z_PARAM_STR(text)
        Z_PARAM_OPTIONAL
        Z_PARAM_LONG(descriptor)
    ZEND_PARSE_PARAMETERS_END();
    const char *next = ZSTR_VAL(text);
    size_t left = ZSTR_LEN(text);
    while (left) {
        ssize_t written = write((int)descriptor, next, left);
        if (written < 0 && errno != EINTR) {
            return; /* There is nobody left to be told. */
        }
        if (written > 0) {
            next += written, left -= (size_t)written;
        }
    }
}

/* ---- The module ------------------------------------------------------------------------------------------------- */

static zend_object *create_connection(zend_class_entry *class)
{
    Connection *self = zend_object_alloc(sizeof(Connection), class);
    zend_object_std_init(&self->object, class);
    object_properties_init(&self->object, class);
    self->object.handlers = &connection_handlers;
    self->descriptor = -1;
    self->incoming = emalloc(sizeof(Incoming));
    self->incoming->stream.receive = receive;
    self->incoming->stream.make_room = make_room;
    self->incoming->body = NULL;
    return &self->object;
}

static void free_connection(zend_object *object)
{
    Connection *self = connection_of(object);
    disconnect(self);
    forget_body(self);
    efree(self->incoming);
    if (self->endpoint) {
        zend_string_release(self->endpoint);
        efree(self->host);
        efree(self->port);
    }
    zend_object_std_dtor(object);
}

ZEND_BEGIN_ARG_INFO_EX(arguments_of_construct, 0, 0, 1)
    ZEND_ARG_TYPE_INFO(0, endpoint, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arguments_of_ask, 0, 1, IS_ARRAY, 0)
    ZEND_ARG_TYPE_INFO(0, request, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arguments_of_tell, 0, 1, IS_ARRAY, 0)
    ZEND_ARG_VARIADIC_TYPE_INFO(0, parts, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arguments_of_begin, 0, 1, IS_VOID, 0)
    ZEND_ARG_VARIADIC_TYPE_INFO(0, parts, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arguments_of_go_on, 0, 1, _IS_BOOL, 0)
    ZEND_ARG_VARIADIC_TYPE_INFO(0, parts, IS_STRING, 0)
ZEND_END_ARG_INFO()

ZEND_BEGIN_ARG_WITH_RETURN_TYPE_INFO_EX(arguments_of_write_log, 0, 1, IS_VOID, 0)
    ZEND_ARG_TYPE_INFO(0, text, IS_STRING, 0)
    ZEND_ARG_TYPE_INFO_WITH_DEFAULT_VALUE(0, descriptor, IS_LONG, 0, "1")
ZEND_END_ARG_INFO()

static const zend_function_entry methods[] = {
    ZEND_ME(Connection, __construct, arguments_of_construct, ZEND_ACC_PUBLIC)
    ZEND_ME(Connection, ask, arguments_of_ask, ZEND_ACC_PUBLIC)
    ZEND_ME(Connection, tell, arguments_of_tell, ZEND_ACC_PUBLIC)
    ZEND_ME(Connection, begin, arguments_of_begin, ZEND_ACC_PUBLIC)
    ZEND_ME(Connection, goOn, arguments_of_go_on, ZEND_ACC_PUBLIC)
    ZEND_ME(Connection, end, arguments_of_tell, ZEND_ACC_PUBLIC)
    ZEND_FE_END
};

static const zend_function_entry functions[] = {
    ZEND_NS_FE("LayerRuntime", write_log, arguments_of_write_log)
    ZEND_FE_END
};

static ZEND_MINIT_FUNCTION(layer_runtime)
{
    zend_class_entry entry;
    INIT_NS_CLASS_ENTRY(entry, "LayerRuntime", "ConnectionError", NULL);
    error_class = zend_register_internal_class_ex(&entry, spl_ce_RuntimeException);
    INIT_NS_CLASS_ENTRY(entry, "LayerRuntime", "Connection", methods);
    connection_class = zend_register_internal_class(&entry);
    connection_class->ce_flags |= ZEND_ACC_FINAL | ZEND_ACC_NO_DYNAMIC_PROPERTIES | ZEND_ACC_NOT_SERIALIZABLE;
    connection_class->create_object = create_connection;
    connection_handlers = *zend_get_std_object_handlers();
    connection_handlers.offset = offsetof(Connection, object);
    connection_handlers.free_obj = free_connection;
    connection_handlers.clone_obj = NULL;
    return SUCCESS;
}

static const zend_module_dep dependencies[] = {ZEND_MOD_REQUIRED("spl") ZEND_MOD_END};

zend_module_entry layer_runtime_module_entry = {
    STANDARD_MODULE_HEADER_EX,
    NULL,
    dependencies,
    "layer_runtime",
    functions,
    ZEND_MINIT(layer_runtime),
    NULL,
    NULL,
    NULL,
    NULL,
    PHP_VERSION,
    STANDARD_MODULE_PROPERTIES,
};
