/* SPDX-License-Identifier: Apache-2.0 */
#include "io/torch/pickle.h"

#include <inttypes.h>
#include <string.h>

/* ---- memory and values ---- */

void *fv_pickle_alloc(fv_pickle *p, int64_t size)
{
    if (size < 0 || size > p->budget) {
        p->status = fv_tensor_file_bad(p->file, "the pickle builds more values than a file of its size holds");
        return NULL;
    }
    p->budget -= size;
    void *room = fv_arena_alloc(p->file->arena, (size_t)size);
    if (!room)
        p->status = FV_ERR_NO_MEMORY;
    return room;
}

fv_pickle_value *fv_pickle_make(fv_pickle *p, fv_pickle_kind kind)
{
    fv_pickle_value *value = fv_pickle_alloc(p, sizeof *value);
    if (value)
        value->kind = kind;
    return value;
}

fv_pickle_value *fv_pickle_get(const fv_pickle_value *dict, const char *key)
{
    for (int64_t i = 0; dict->kind == FV_PICKLE_DICT && i < dict->count; i++) {
        const fv_pickle_value *k = dict->item[2 * i];
        if (k->kind == FV_PICKLE_TEXT && strcmp(k->text, key) == 0)
            return dict->item[2 * i + 1];
    }
    return NULL;
}

/* An array with room for `more` values behind `count`, zero; the old one where that suffices. NULL: p->status. */
static fv_pickle_value **grow(fv_pickle *p, fv_pickle_value **old, int64_t count, int64_t more, int64_t *capacity)
{
    if (count + more <= *capacity)
        return old;
    const int64_t wanted = count + more > 2 * *capacity ? count + more : 2 * *capacity;
    fv_pickle_value **grown = fv_pickle_alloc(p, wanted * (int64_t)sizeof *grown);
    if (!grown)
        return NULL;
    if (count)
        memcpy(grown, old, (size_t)count * sizeof *grown);
    *capacity = wanted;
    return grown;
}

static bool push(fv_pickle *p, fv_pickle_value *value)
{
    fv_pickle_value **stack = value ? grow(p, p->stack, p->depth, 1, &p->stack_capacity) : NULL;
    if (!stack)
        return false;
    p->stack = stack;
    stack[p->depth++] = value;
    return true;
}

bool fv_pickle_append(fv_pickle *p, fv_pickle_value *list, fv_pickle_value *const *item, int64_t n)
{
    const int64_t unit = list->kind == FV_PICKLE_DICT ? 2 : 1;
    if (n == 0)
        return true;
    fv_pickle_value **grown = grow(p, list->item, list->count * unit, n, &list->capacity);
    if (!grown)
        return false;
    list->item = grown;
    memcpy(list->item + list->count * unit, item, (size_t)n * sizeof *item);
    list->count += n / unit;
    return true;
}

/* ---- reading ---- */

static fv_status damaged(fv_pickle *p, const char *what)
{
    return fv_tensor_file_bad(p->file, "the pickle is damaged at its byte %" PRId64 ": %s", p->at, what);
}

static bool bytes(fv_pickle *p, int64_t n, const uint8_t **at)
{
    if (n < 0 || n > p->size - p->at)
        return false;
    *at = p->data + p->at;
    p->at += n;
    return true;
}

static bool number(fv_pickle *p, int n, uint64_t *value)
{
    const uint8_t *at;
    *value = 0;
    if (!bytes(p, n, &at))
        return false;
    for (int i = 0; i < n; i++)
        *value |= (uint64_t)at[i] << (8 * i);
    return true;
}

/* Up to a line feed. */
static bool line(fv_pickle *p, const char **text, int64_t *size)
{
    const uint8_t *begin = p->data + p->at;
    const uint8_t *end = p->at < p->size ? memchr(begin, '\n', (size_t)(p->size - p->at)) : NULL;
    if (!end)
        return false;
    *text = (const char *)begin;
    *size = end - begin;
    p->at += *size + 1;
    return true;
}

static fv_pickle_value *make_text(fv_pickle *p, const void *text, int64_t size)
{
    fv_pickle_value *value = fv_pickle_make(p, FV_PICKLE_TEXT);
    char *copy = value ? fv_pickle_alloc(p, size + 1) : NULL;
    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, text, (size_t)size);
    value->text = copy;
    value->size = size;
    return value;
}

static fv_pickle_value *make_int(fv_pickle *p, int64_t integer)
{
    fv_pickle_value *value = fv_pickle_make(p, FV_PICKLE_INT);
    if (value)
        value->integer = integer;
    return value;
}

/* Items above the last mark, which is taken away. */
static bool marked(fv_pickle *p, fv_pickle_value ***item, int64_t *n)
{
    if (p->n_marks == 0)
        return false;
    const int64_t at = p->marks[--p->n_marks]->integer;
    if (at > p->depth)
        return false;
    *item = at > 0 ? p->stack + at : p->stack; /* nothing may have been pushed at all */
    *n = p->depth - at;
    p->depth = at;
    return true;
}

static int64_t above_mark(const fv_pickle *p)
{
    return p->depth - (p->n_marks ? p->marks[p->n_marks - 1]->integer : 0);
}

static fv_pickle_value *pop(fv_pickle *p)
{
    return above_mark(p) > 0 ? p->stack[--p->depth] : NULL;
}

/* ---- operations ---- */

static fv_status op_text(fv_pickle *p, int length_bytes)
{
    uint64_t n;
    const uint8_t *at;
    if (!number(p, length_bytes, &n) || n > (uint64_t)p->size || !bytes(p, (int64_t)n, &at))
        return damaged(p, "a text ends behind the file");
    return push(p, make_text(p, at, (int64_t)n)) ? FV_OK : p->status;
}

static fv_status op_int(fv_pickle *p, int n)
{
    uint64_t u;
    if (!number(p, n, &u))
        return damaged(p, "a number ends behind the file");
    const int64_t value = n == 4 ? (int32_t)(uint32_t)u : (int64_t)u; /* of four bytes: with a sign */
    return push(p, make_int(p, value)) ? FV_OK : p->status;
}

/* Two's complement of any length; those longer than 8 bytes are kept as bytes. */
static fv_status op_long(fv_pickle *p, int length_bytes)
{
    uint64_t n, value = 0;
    const uint8_t *at;
    if (!number(p, length_bytes, &n) || n > (uint64_t)p->size || !bytes(p, (int64_t)n, &at))
        return damaged(p, "a number ends behind the file");
    if (n > 8)
        return push(p, make_text(p, at, (int64_t)n)) ? FV_OK : p->status;
    for (uint64_t i = 0; i < 8; i++)
        value |= (uint64_t)(i < n ? at[i] : n && at[n - 1] & 0x80 ? 0xff : 0) << (8 * i);
    return push(p, make_int(p, (int64_t)value)) ? FV_OK : p->status;
}

static fv_status op_real(fv_pickle *p, int n)
{
    const uint8_t *at;
    uint64_t bits = 0;
    fv_pickle_value *value;
    if (!bytes(p, n, &at))
        return damaged(p, "a number ends behind the file");
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | at[i];
    if (!(value = fv_pickle_make(p, FV_PICKLE_REAL)))
        return p->status;
    memcpy(&value->real, &bits, sizeof bits);
    return push(p, value) ? FV_OK : p->status;
}

/* Remembers the top under a number, which `n` bytes give; 0: the next one. */
static fv_status op_put(fv_pickle *p, int n)
{
    uint64_t i = (uint64_t)p->memo_count;
    if ((n && !number(p, n, &i)) || above_mark(p) < 1)
        return damaged(p, "nothing to remember");
    if (i >= (uint64_t)p->size)
        return damaged(p, "the number of a remembered value is too large");
    const int64_t more = (int64_t)i < p->memo_count ? 0 : (int64_t)i + 1 - p->memo_count;
    fv_pickle_value **memo = grow(p, p->memo, p->memo_count, more, &p->memo_capacity);
    if (!memo)
        return p->status;
    p->memo = memo;
    p->memo_count += more;
    memo[i] = p->stack[p->depth - 1];
    return FV_OK;
}

static fv_status op_get(fv_pickle *p, int n)
{
    uint64_t i;
    if (!number(p, n, &i) || i >= (uint64_t)p->memo_count || !p->memo[i])
        return damaged(p, "a value that was never remembered");
    return push(p, p->memo[i]) ? FV_OK : p->status;
}

static fv_status op_tuple(fv_pickle *p, int arg)
{
    fv_pickle_value **item, *tuple;
    int64_t n = arg;
    if (n < 0) {
        if (!marked(p, &item, &n))
            return damaged(p, "no mark");
    } else {
        if (above_mark(p) < n)
            return damaged(p, "too few values for a tuple");
        p->depth -= n;
        item = p->stack + p->depth;
    }
    tuple = fv_pickle_make(p, FV_PICKLE_TUPLE);
    return tuple && fv_pickle_append(p, tuple, item, n) && push(p, tuple) ? FV_OK : p->status;
}

/* Appends to the list or dict below: what is above the mark, or the last `n` values. */
static fv_status extend(fv_pickle *p, fv_pickle_kind kind, int64_t n)
{
    fv_pickle_value **item;
    if (n < 0) {
        if (!marked(p, &item, &n))
            return damaged(p, "no mark");
    } else {
        if (above_mark(p) < n)
            return damaged(p, "too few values to append");
        p->depth -= n;
        item = p->stack + p->depth;
    }
    fv_pickle_value *top = above_mark(p) > 0 ? p->stack[p->depth - 1] : NULL;
    if (!top || (top->kind == FV_PICKLE_DICT) != (kind == FV_PICKLE_DICT) ||
        (kind == FV_PICKLE_LIST && top->kind != FV_PICKLE_LIST) || (kind == FV_PICKLE_DICT && n % 2 != 0)) {
        if (top && top->kind == FV_PICKLE_OPAQUE)
            return FV_OK;
        return damaged(p, "values are appended to something that takes none");
    }
    return fv_pickle_append(p, top, item, n) ? FV_OK : p->status;
}

static fv_status op_append(fv_pickle *p, int n)
{
    return extend(p, FV_PICKLE_LIST, n);
}

static fv_status op_set_items(fv_pickle *p, int n)
{
    return extend(p, FV_PICKLE_DICT, n);
}

static fv_status find_global(fv_pickle *p, const char *module, int64_t module_size, const char *name, int64_t name_size)
{
    char *m = fv_pickle_alloc(p, module_size + 1), *n = fv_pickle_alloc(p, name_size + 1);
    fv_pickle_value *value = fv_pickle_make(p, FV_PICKLE_GLOBAL);
    if (!m || !n || !value)
        return p->status;
    memcpy(m, module, (size_t)module_size);
    memcpy(n, name, (size_t)name_size);
    value->integer = p->hooks->find(p->hooks->user, m, n);
    if (value->integer < 0) {
        fv_status status = fv_fail(p->file->ctx, FV_ERR_MODEL_PICKLE,
                                   "%s: its pickle asks for %.100s.%.100s, which is neither a tensor nor a container: "
                                   "such code is never run",
                                   p->file->name, m, n);
        return fv_fail_hint(p->file->ctx, status,
                            "save the tensors alone where you trust the file: torch.save(model.state_dict(), "
                            "'weights.pt')");
    }
    if (!(value->text = fv_arena_printf(p->file->arena, "%s.%s", m, n)))
        return FV_ERR_NO_MEMORY;
    return push(p, value) ? FV_OK : p->status;
}

static fv_status op_global(fv_pickle *p, int arg)
{
    const char *module, *name;
    int64_t module_size, name_size;
    (void)arg;
    if (!line(p, &module, &module_size) || !line(p, &name, &name_size))
        return damaged(p, "a name ends behind the file");
    return find_global(p, module, module_size, name, name_size);
}

static fv_status op_stack_global(fv_pickle *p, int arg)
{
    const fv_pickle_value *name = pop(p), *module = name ? pop(p) : NULL;
    (void)arg;
    if (!module || module->kind != FV_PICKLE_TEXT || name->kind != FV_PICKLE_TEXT)
        return damaged(p, "a name that is no text");
    return find_global(p, module->text, module->size, name->text, name->size);
}

static fv_status op_call(fv_pickle *p, int arg)
{
    (void)arg;
    fv_pickle_value *args = pop(p), *global = args ? pop(p) : NULL, *result = NULL;
    if (!global || global->kind != FV_PICKLE_GLOBAL || args->kind != FV_PICKLE_TUPLE)
        return damaged(p, "a call of something that has no name");
    FV_TRY(p->hooks->call(p, global, args, &result));
    return push(p, result) ? FV_OK : p->status;
}

/* An object of a class is a dict: its attributes are its items. Those of other values are not looked at. */
static fv_status op_build(fv_pickle *p, int arg)
{
    (void)arg;
    fv_pickle_value *state = pop(p), *object = state && above_mark(p) > 0 ? p->stack[p->depth - 1] : NULL;
    if (!object)
        return damaged(p, "nothing to set up");
    if (object->kind == FV_PICKLE_DICT && object->integer && state->kind == FV_PICKLE_DICT)
        return fv_pickle_append(p, object, state->item, 2 * state->count) ? FV_OK : p->status;
    return FV_OK;
}

static fv_status op_outside(fv_pickle *p, int arg)
{
    (void)arg;
    fv_pickle_value *id = pop(p), *result = NULL;
    if (!id)
        return damaged(p, "no identifier");
    FV_TRY(p->hooks->outside(p, id, &result));
    return push(p, result) ? FV_OK : p->status;
}

/* A mark is a depth of the stack; they are kept as INT values. */
static fv_status op_mark(fv_pickle *p, int arg)
{
    (void)arg;
    fv_pickle_value *mark = make_int(p, p->depth);
    fv_pickle_value **marks = mark ? grow(p, p->marks, p->n_marks, 1, &p->marks_capacity) : NULL;
    if (!marks)
        return p->status;
    p->marks = marks;
    marks[p->n_marks++] = mark;
    return FV_OK;
}

static fv_status op_pop_mark(fv_pickle *p, int arg)
{
    (void)arg;
    fv_pickle_value **item;
    int64_t n;
    return marked(p, &item, &n) ? FV_OK : damaged(p, "no mark");
}

static fv_status op_pop(fv_pickle *p, int arg)
{
    if (above_mark(p) > 0) {
        p->depth--;
        return FV_OK;
    }
    return op_pop_mark(p, arg);
}

static fv_status op_dup(fv_pickle *p, int arg)
{
    (void)arg;
    if (above_mark(p) < 1)
        return damaged(p, "nothing to double");
    return push(p, p->stack[p->depth - 1]) ? FV_OK : p->status;
}

static fv_status op_none(fv_pickle *p, int arg)
{
    (void)arg;
    return push(p, &p->none) ? FV_OK : p->status;
}

static fv_status op_bool(fv_pickle *p, int value)
{
    return push(p, make_int(p, value)) ? FV_OK : p->status;
}

static fv_status op_empty(fv_pickle *p, int kind)
{
    return push(p, fv_pickle_make(p, (fv_pickle_kind)kind)) ? FV_OK : p->status;
}

static fv_status op_frame(fv_pickle *p, int n)
{
    uint64_t size;
    return number(p, n, &size) ? FV_OK : damaged(p, "a frame ends behind the file");
}

/* By its byte: what an operation does, with the number of bytes or values that it takes (-1: those above the mark). The
 * names are those of Python's pickletools. */
static const struct {
    fv_status (*run)(fv_pickle *p, int arg);
    int arg;
} operations[256] = {
    ['('] = {op_mark, 0},                /* MARK */
    ['0'] = {op_pop, 0},                 /* POP */
    ['1'] = {op_pop_mark, 0},            /* POP_MARK */
    ['2'] = {op_dup, 0},                 /* DUP */
    ['N'] = {op_none, 0},                /* NONE */
    [0x88] = {op_bool, 1},               /* NEWTRUE */
    [0x89] = {op_bool, 0},               /* NEWFALSE */
    ['K'] = {op_int, 1},                 /* BININT1 */
    ['M'] = {op_int, 2},                 /* BININT2 */
    ['J'] = {op_int, 4},                 /* BININT */
    [0x8a] = {op_long, 1},               /* LONG1 */
    [0x8b] = {op_long, 4},               /* LONG4 */
    ['G'] = {op_real, 8},                /* BINFLOAT */
    ['U'] = {op_text, 1},                /* SHORT_BINSTRING */
    ['T'] = {op_text, 4},                /* BINSTRING */
    ['C'] = {op_text, 1},                /* SHORT_BINBYTES */
    ['B'] = {op_text, 4},                /* BINBYTES */
    [0x8e] = {op_text, 8},               /* BINBYTES8 */
    [0x96] = {op_text, 8},               /* BYTEARRAY8 */
    [0x8c] = {op_text, 1},               /* SHORT_BINUNICODE */
    ['X'] = {op_text, 4},                /* BINUNICODE */
    [0x8d] = {op_text, 8},               /* BINUNICODE8 */
    [')'] = {op_empty, FV_PICKLE_TUPLE}, /* EMPTY_TUPLE */
    [']'] = {op_empty, FV_PICKLE_LIST},  /* EMPTY_LIST */
    [0x8f] = {op_empty, FV_PICKLE_LIST}, /* EMPTY_SET */
    ['}'] = {op_empty, FV_PICKLE_DICT},  /* EMPTY_DICT */
    ['t'] = {op_tuple, -1},              /* TUPLE */
    [0x91] = {op_tuple, -1},             /* FROZENSET */
    [0x85] = {op_tuple, 1},              /* TUPLE1 */
    [0x86] = {op_tuple, 2},              /* TUPLE2 */
    [0x87] = {op_tuple, 3},              /* TUPLE3 */
    ['a'] = {op_append, 1},              /* APPEND */
    ['e'] = {op_append, -1},             /* APPENDS */
    [0x90] = {op_append, -1},            /* ADDITEMS */
    ['s'] = {op_set_items, 2},           /* SETITEM */
    ['u'] = {op_set_items, -1},          /* SETITEMS */
    ['q'] = {op_put, 1},                 /* BINPUT */
    ['r'] = {op_put, 4},                 /* LONG_BINPUT */
    [0x94] = {op_put, 0},                /* MEMOIZE */
    ['h'] = {op_get, 1},                 /* BINGET */
    ['j'] = {op_get, 4},                 /* LONG_BINGET */
    ['c'] = {op_global, 0},              /* GLOBAL */
    [0x93] = {op_stack_global, 0},       /* STACK_GLOBAL */
    ['R'] = {op_call, 0},                /* REDUCE */
    [0x81] = {op_call, 0},               /* NEWOBJ */
    ['b'] = {op_build, 0},               /* BUILD */
    ['Q'] = {op_outside, 0},             /* BINPERSID */
    [0x95] = {op_frame, 8},              /* FRAME */
};

static fv_status step(fv_pickle *p, uint8_t op)
{
    if (operations[op].run)
        return operations[op].run(p, operations[op].arg);
    return fv_fail(p->file->ctx, FV_ERR_MODEL_PICKLE,
                   "%s: operation 0x%02x at byte %" PRId64 " of its pickle is none that tensors need", p->file->name,
                   op, p->at - 1);
}

fv_status fv_pickle_read(fv_pickle *p, const uint8_t *data, int64_t size, fv_pickle_value **value, int64_t *used)
{
    p->data = data;
    p->size = size;
    p->at = p->depth = p->memo_count = p->n_marks = 0;
    p->memo = NULL;
    p->memo_capacity = 0;
    if (size < 2 || data[0] != 0x80 || data[1] < 2 || data[1] > 5)
        return fv_tensor_file_bad(p->file, "no pickle of protocol 2 to 5 where one is expected");
    for (p->at = 2; p->at < size;) {
        const uint8_t op = data[p->at++];
        if (op == '.') {
            if (p->depth != 1 || p->n_marks != 0)
                return damaged(p, "it ends with values left over");
            *value = p->stack[0];
            *used = p->at;
            return FV_OK;
        }
        FV_TRY(step(p, op));
    }
    return damaged(p, "it has no end");
}
