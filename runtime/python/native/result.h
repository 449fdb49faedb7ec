/* Writes a handler's result as JSON in UTF-8, with the blanks of json.dumps. It knows what most results are made of, by
   exact type: str without lone surrogates, int of 64 bits, finite float, bool, None, list, tuple, and dict with keys
   that are str. What else there may be is left to payload.py, which knows how the managed runtime writes it. */

#ifndef RESULT_H
#define RESULT_H

#include "Python.h"

#include <math.h>
#include <stdbool.h>

typedef struct {
    PyObject *bytes; /* NULL after an error */
    size_t size;     /* of what is written */
} Output;

enum { FIRST_ROOM = 512 };

/* Where there is no GIL, a list or a dict is written in a critical section: no other thread changes it, but while this
   one waits for a thread that has something in it. What is being written then stays, even if it is taken out. */
#ifdef Py_GIL_DISABLED
#define HOLD(object) Py_INCREF(object)
#define LET_GO(object) Py_DECREF(object)
#else
#define HOLD(object) ((void)0)
#define LET_GO(object) ((void)0)
#endif

/* Every function returns whether it could; if not, there is perhaps an exception. */
static bool put_value(Output *output, PyObject *value);

static bool put(Output *output, const char *start, size_t size)
{
    size_t room = (size_t)PyBytes_GET_SIZE(output->bytes);
    if (size > room - output->size &&
        _PyBytes_Resize(&output->bytes, (Py_ssize_t)(2 * room > output->size + size ? 2 * room : output->size + size))) {
        return false;
    }
    memcpy(PyBytes_AS_STRING(output->bytes) + output->size, start, size);
    output->size += size;
    return true;
}

static bool put_escaped(Output *output, char c)
{
    static const char SHORT[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (const char *pair = SHORT; *pair; pair += 2) {
        if (*pair == c) {
            return put(output, (char[]){'\\', pair[1]}, 2);
        }
    }
    char text[8];
    return put(output, text, (size_t)snprintf(text, sizeof(text), "\\u%04x", c));
}

static bool put_text(Output *output, PyObject *text)
{
    Py_ssize_t size;
    const char *start = PyUnicode_AsUTF8AndSize(text, &size);
    if (!start || !put(output, "\"", 1)) {
        return false;
    }
    const char *end = start + size;
    for (const char *c = start; c < end; c++) {
        if ((unsigned char)*c < ' ' || *c == '"' || *c == '\\') {
            if (!put(output, start, (size_t)(c - start)) || !put_escaped(output, *c)) {
                return false;
            }
            start = c + 1;
        }
    }
    return put(output, start, (size_t)(end - start)) && put(output, "\"", 1);
}

static bool put_integer(Output *output, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    char text[24];
    return !overflow && put(output, text, (size_t)snprintf(text, sizeof(text), "%lld", number));
}

static bool put_float(Output *output, double number)
{
    char *text = isfinite(number) ? PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL) : NULL;
    bool written = text && put(output, text, strlen(text));
    PyMem_Free(text);
    return written;
}

static bool put_array(Output *output, PyObject *items)
{
    bool written = put(output, "[", 1);
    for (Py_ssize_t i = 0; written && i < PySequence_Fast_GET_SIZE(items); i++) {
        PyObject *item = PySequence_Fast_GET_ITEM(items, i);
        HOLD(item);
        written = (!i || put(output, ", ", 2)) && put_value(output, item);
        LET_GO(item);
    }
    return written && put(output, "]", 1);
}

static bool put_object(Output *output, PyObject *items)
{
    PyObject *key, *value;
    Py_ssize_t position = 0;
    bool written = put(output, "{", 1);
    for (bool first = true; written && PyDict_Next(items, &position, &key, &value); first = false) {
        HOLD(key);
        HOLD(value);
        written = (first || put(output, ", ", 2)) && PyUnicode_CheckExact(key) && put_text(output, key) &&
                  put(output, ": ", 2) && put_value(output, value);
        LET_GO(value);
        LET_GO(key);
    }
    return written && put(output, "}", 1);
}

static bool put_value(Output *output, PyObject *value)
{
    if (PyUnicode_CheckExact(value)) {
        return put_text(output, value);
    }
    if (PyLong_CheckExact(value)) {
        return put_integer(output, value);
    }
    if (PyFloat_CheckExact(value)) {
        return put_float(output, PyFloat_AS_DOUBLE(value));
    }
    if (value == Py_None) {
        return put(output, "null", 4);
    }
    if (PyBool_Check(value)) {
        return value == Py_True ? put(output, "true", 4) : put(output, "false", 5);
    }
    bool is_object = PyDict_CheckExact(value);
    if ((!is_object && !PyList_CheckExact(value) && !PyTuple_CheckExact(value)) || Py_EnterRecursiveCall("")) {
        return false;
    }
    bool written;
    Py_BEGIN_CRITICAL_SECTION(value);
    written = is_object ? put_object(output, value) : put_array(output, value);
    Py_END_CRITICAL_SECTION();
    Py_LeaveRecursiveCall();
    return written;
}

/* The JSON as bytes; NULL, perhaps with an exception, for what is left to others. */
static PyObject *write_result(PyObject *value)
{
    Output output = {.bytes = PyBytes_FromStringAndSize(NULL, FIRST_ROOM)};
    if (output.bytes && put_value(&output, value)) {
        _PyBytes_Resize(&output.bytes, (Py_ssize_t)output.size);
    } else {
        Py_CLEAR(output.bytes);
    }
    return output.bytes;
}

#endif
