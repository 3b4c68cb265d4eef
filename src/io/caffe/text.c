/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's text format: `name: value`, `name { fields }`, `name: [values]`. Which fields a message has, and where
 * they lie in memory, its descriptor says; fields that it does not know are passed over and noted.
 */
#ifdef FV_WITH_CAFFE
#include "io/caffe/text.h"

#include <math.h>
#include <string.h>

#include "base/text.h"

/* Messages of caffe.proto lie at most six deep; what is passed over may lie deeper. */
#define DEPTH_MAX 64
#define WORD_MAX  4096
/* Bytes of messages for a byte of text, and for any text: a layer of a real network takes more than 100 letters. */
#define BYTES_PER_LETTER 8
#define BYTES_FREE       (INT64_C(24) << 20)

typedef struct reader {
    fv_ctx *ctx;
    fv_arena *arena;
    const char *path;
    const char *at, *end;
    int line;
    int64_t budget;
    fv_caffe_unknown **unknown;
} reader;

static fv_status bad(const reader *r, const char *format, ...) FV_PRINTF(2, 3);
static fv_status bad(const reader *r, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    fv_text_vformat(text, sizeof text, format, args);
    va_end(args);
    return fv_fail(r->ctx, FV_ERR_MODEL_FORMAT, "%s:%d: %s", r->path, r->line, text);
}

static fv_status take_memory(reader *r, size_t size, void **memory)
{
    *memory = NULL;
    if ((int64_t)size > r->budget)
        return bad(r, "its messages need memory out of all proportion to the text");
    r->budget -= (int64_t)size;
    *memory = fv_arena_alloc(r->arena, size);
    return *memory ? FV_OK : FV_ERR_NO_MEMORY;
}

/* ---- letters ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static void skip_blanks(reader *r)
{
    while (r->at < r->end) {
        const char c = *r->at;
        if (c == '#') {
            while (r->at < r->end && *r->at != '\n')
                r->at++;
            continue;
        }
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n' && c != '\f' && c != '\v')
            return;
        r->line += c == '\n';
        r->at++;
    }
}

/* Takes the sign when it is next. */
static bool accept(reader *r, char sign)
{
    skip_blanks(r);
    if (r->at >= r->end || *r->at != sign)
        return false;
    r->at++;
    return true;
}

/* The next letter, NUL at the end; bytes that are NUL do not come here. */
static char peek(reader *r)
{
    skip_blanks(r);
    return r->at < r->end ? *r->at : 0;
}

/* A name, or a number: letters, and with `number` . + - too. */
static fv_status word(reader *r, bool number, char text[WORD_MAX])
{
    size_t n = 0;
    skip_blanks(r);
    while (r->at < r->end && (is_letter(*r->at) || *r->at == '.' || (number && (*r->at == '-' || *r->at == '+')))) {
        if (n == WORD_MAX - 1)
            return bad(r, "a word of more than %d letters", WORD_MAX - 1);
        text[n++] = *r->at++;
    }
    text[n] = 0;
    if (n == 0 && r->at < r->end)
        return bad(r, "'%c' where a %s is expected", *r->at >= 32 && *r->at < 127 ? *r->at : '?',
                   number ? "value" : "name");
    return n > 0 ? FV_OK : bad(r, "the text ends where a %s is expected", number ? "value" : "name");
}

/* What \ and the letter behind it stand for. */
static char unescaped(reader *r, char c)
{
    static const char from[] = "nrtabfv", to[] = "\n\r\t\a\b\f\v";
    const char *known = strchr(from, c);
    int value = 0, digits = 0;
    if (c >= '0' && c <= '7') {
        for (r->at--; digits < 3 && r->at < r->end && *r->at >= '0' && *r->at <= '7'; digits++)
            value = value * 8 + (*r->at++ - '0');
        return (char)(value & 255 ? value & 255 : '?');
    }
    return known && c ? to[known - from] : c;
}

/* "text" or 'text'; several side by side are one. */
static fv_status quoted(reader *r, char text[WORD_MAX])
{
    size_t n = 0;
    for (char sign = peek(r); sign == '"' || sign == '\''; sign = peek(r)) {
        r->at++;
        while (r->at < r->end && *r->at != sign) {
            char c = *r->at++;
            if (c == '\n' || n == WORD_MAX - 1)
                return bad(r, c == '\n' ? "a text without an end" : "a text of more than 4095 letters");
            if (c == '\\' && r->at < r->end) {
                c = *r->at++;
                c = unescaped(r, c);
            }
            text[n++] = c;
        }
        if (r->at >= r->end)
            return bad(r, "a text without an end");
        r->at++;
    }
    text[n] = 0;
    return FV_OK;
}

/* ---- what is not known ---- */

/* Passes over the value of a field: everything up to where its braces are closed, or one word. */
static fv_status skip_value(reader *r)
{
    char text[WORD_MAX], closing[DEPTH_MAX];
    int depth = 0;
    do {
        const char c = peek(r);
        if (c == '{' || c == '<' || c == '[') {
            if (depth == DEPTH_MAX)
                return bad(r, "more than %d braces within each other", DEPTH_MAX);
            closing[depth++] = c == '{' ? '}' : c == '<' ? '>' : ']';
            r->at++;
        } else if (c == '}' || c == '>' || c == ']') {
            if (depth == 0 || closing[depth - 1] != c)
                return bad(r, "'%c' where a value is expected", c);
            depth--;
            r->at++;
        } else if (c == '"' || c == '\'') {
            FV_TRY(quoted(r, text));
        } else if (c == ':' || c == ',' || c == ';') {
            r->at++;
        } else {
            FV_TRY(word(r, true, text));
        }
    } while (depth > 0);
    return FV_OK;
}

static fv_status note_unknown(reader *r, const ProtobufCMessage *in, const char *name)
{
    void *memory;
    FV_TRY(take_memory(r, sizeof(fv_caffe_unknown), &memory));
    fv_caffe_unknown *u = memory;
    *u = (fv_caffe_unknown){.in = in, .name = fv_arena_strdup(r->arena, name), .line = r->line, .next = *r->unknown};
    *r->unknown = u;
    if (!u->name)
        return FV_ERR_NO_MEMORY;
    accept(r, ':');
    return skip_value(r);
}

/* ---- values ---- */

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
    switch (f->type) {
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return 8;
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 4;
    }
}

static fv_status number_of(reader *r, const ProtobufCFieldDescriptor *f, const char *text, void *to)
{
    int64_t whole = 0;
    double real = 0;
    bool flag = false, fine = true;
    const ProtobufCEnumValue *value = NULL;
    char less[64];
    const size_t n = strlen(text);
    switch (f->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
        if (n > 1 && n < sizeof less && (text[n - 1] == 'f' || text[n - 1] == 'F') && !strpbrk(text, "xXiI")) {
            memcpy(less, text, n - 1);
            less[n - 1] = 0;
            text = less;
        }
        fine = fv_text_to_double(text, &real);
        if (f->type == PROTOBUF_C_TYPE_FLOAT)
            *(float *)to = (float)real;
        else
            *(double *)to = real;
        break;
    case PROTOBUF_C_TYPE_BOOL:
        fine = fv_text_to_bool(text, &flag);
        *(protobuf_c_boolean *)to = flag;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        value = protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, text);
        if (!value && fv_text_to_int(text, &whole) && whole == (int)whole)
            value = protobuf_c_enum_descriptor_get_value(f->descriptor, (int)whole);
        fine = value || strcmp(f->name, "engine") == 0; /* of any fork: which code computed it does not matter */
        *(int *)to = value ? value->value : 0;
        break;
    case PROTOBUF_C_TYPE_INT64:
        fine = fv_text_to_int(text, &whole);
        *(int64_t *)to = whole;
        break;
    case PROTOBUF_C_TYPE_INT32:
        fine = fv_text_to_int(text, &whole) && whole >= INT32_MIN && whole <= INT32_MAX;
        *(int32_t *)to = fine ? (int32_t)whole : 0;
        break;
    case PROTOBUF_C_TYPE_UINT32:
        fine = fv_text_to_int(text, &whole) && whole >= 0 && whole <= UINT32_MAX;
        *(uint32_t *)to = fine ? (uint32_t)whole : 0;
        break;
    default:
        fine = false;
    }
    return fine ? FV_OK : bad(r, "%s: '%.60s' is no value of it", f->name, text);
}

/* Room for one more element of a repeated field: it doubles when the count is a power of two. */
static fv_status make_room(reader *r, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m, void **to)
{
    size_t *count = (size_t *)(void *)((char *)m + f->quantifier_offset);
    char **list = (char **)(void *)((char *)m + f->offset);
    const size_t size = size_of(f);
    if ((*count & (*count - 1)) == 0) {
        void *grown;
        FV_TRY(take_memory(r, (*count ? 2 * *count : 1) * size, &grown));
        if (*count)
            memcpy(grown, *list, *count * size);
        *list = grown;
    }
    *to = *list + (*count)++ * size;
    memset(*to, 0, size);
    return FV_OK;
}

/* Where the value of a field goes. */
static fv_status room_of(reader *r, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m, void **to)
{
    if (f->label == PROTOBUF_C_LABEL_REPEATED)
        return make_room(r, f, m, to);
    *to = (char *)m + f->offset;
    if (f->type != PROTOBUF_C_TYPE_STRING && f->type != PROTOBUF_C_TYPE_MESSAGE)
        *(protobuf_c_boolean *)(void *)((char *)m + f->quantifier_offset) = 1;
    return FV_OK;
}

static fv_status scalar(reader *r, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m)
{
    char text[WORD_MAX];
    void *to;
    const char next = peek(r);
    const bool string = next == '"' || next == '\'';
    if (string != (f->type == PROTOBUF_C_TYPE_STRING))
        return bad(r, string ? "%s: a text where a number or a name is expected" : "%s: expected a text in quotes",
                   f->name);
    FV_TRY(string ? quoted(r, text) : word(r, true, text));
    FV_TRY(room_of(r, f, m, &to));
    if (!string)
        return number_of(r, f, text, to);
    void *copy;
    FV_TRY(take_memory(r, strlen(text) + 1, &copy));
    *(char **)to = strcpy(copy, text);
    return FV_OK;
}

static fv_status fields(reader *r, ProtobufCMessage *m, char close);

static fv_status submessage(reader *r, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m)
{
    const ProtobufCMessageDescriptor *d = f->descriptor;
    const char close = accept(r, '{') ? '}' : accept(r, '<') ? '>' : 0;
    ProtobufCMessage **there = (ProtobufCMessage **)(void *)((char *)m + f->offset);
    void *to, *made;
    if (!close)
        return bad(r, "%s: expected { and its fields", f->name);
    if (f->label != PROTOBUF_C_LABEL_REPEATED && *there)
        return fields(r, *there, close); /* given twice, the fields come together */
    FV_TRY(take_memory(r, d->sizeof_message, &made));
    d->message_init(made);
    FV_TRY(room_of(r, f, m, &to));
    *(ProtobufCMessage **)to = made;
    return fields(r, made, close);
}

static fv_status values(reader *r, const ProtobufCFieldDescriptor *f, ProtobufCMessage *m)
{
    const bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
    if (!accept(r, ':') && !message)
        return bad(r, "%s: expected a colon", f->name);
    if (f->type == PROTOBUF_C_TYPE_BYTES) {
        void *to;
        FV_TRY(room_of(r, f, m, &to));
        return skip_value(r);
    }
    if (f->label != PROTOBUF_C_LABEL_REPEATED || !accept(r, '['))
        return message ? submessage(r, f, m) : scalar(r, f, m);
    while (!accept(r, ']')) {
        FV_TRY(message ? submessage(r, f, m) : scalar(r, f, m));
        accept(r, ',');
    }
    return FV_OK;
}

/* Fields up to the sign that closes them; 0: the end of the text. */
static fv_status fields(reader *r, ProtobufCMessage *m, char close)
{
    char name[WORD_MAX];
    for (;;) {
        const char next = peek(r);
        if (close ? next == close : r->at >= r->end) {
            r->at += close != 0;
            return FV_OK;
        }
        if (next == 0)
            return bad(r, "the text ends before a { is closed");
        FV_TRY(word(r, false, name));
        const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(
            m->descriptor, strcmp(name, "base") == 0 ? "base_of" : name);
        /* V0's "layer" within a layer is bytes, and written as a message */
        if (f && f->type == PROTOBUF_C_TYPE_BYTES && peek(r) != ':') {
            void *to;
            FV_TRY(room_of(r, f, m, &to));
            FV_TRY(skip_value(r));
        } else {
            FV_TRY(f ? values(r, f, m) : note_unknown(r, m, name));
        }
        if (!accept(r, ','))
            accept(r, ';');
    }
}

fv_status fv_caffe_parse(fv_ctx *ctx, fv_arena *arena, const char *path, const uint8_t *data, int64_t size,
                         ProtobufCMessage *message, fv_caffe_unknown **unknown)
{
    reader r = {.ctx = ctx, .arena = arena, .path = path, .line = 1, .unknown = unknown};
    const bool marked = size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0;
    *unknown = NULL;
    r.at = (const char *)data + (marked ? 3 : 0);
    r.end = (const char *)data + size;
    r.budget = BYTES_FREE + size * BYTES_PER_LETTER;
    if (memchr(data, 0, (size_t)size))
        return fv_fail(ctx, FV_ERR_MODEL_FORMAT, "%s: it is no text", path);
    return fields(&r, message, 0);
}

#endif
