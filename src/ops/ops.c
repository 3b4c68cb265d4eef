/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/ops.h"

#include <ctype.h>
#include <string.h>

#define FV_OP_ROW(name) &fv_op_##name,
static const fv_op *const table[] = {
#include "ops/ops.def"
};
#undef FV_OP_ROW

#define FV_OP_ROW(name) #name,
static const char *const ops_names[] = {
#include "ops/ops.def"
    NULL};
#undef FV_OP_ROW

enum { FV_OPS_COUNT = (int)(sizeof table / sizeof *table) };

/* Operators registered from outside; attached to the context under the address of table. */
typedef struct op_registry {
    const fv_op **op;
    int count, capacity;
} op_registry;

static const fv_op *op_find_built_in(const char *name)
{
    int low = 0, high = FV_OPS_COUNT - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        int order = strcmp(name, table[middle]->name);
        if (order == 0)
            return table[middle];
        if (order < 0)
            high = middle - 1;
        else
            low = middle + 1;
    }
    return NULL;
}

const fv_op *fv_op_find(fv_ctx *ctx, const char *name)
{
    const fv_op *op = op_find_built_in(name);
    const op_registry *registry = op == NULL && ctx != NULL ? fv_ctx_attached(ctx, table) : NULL;
    for (int i = 0; registry != NULL && op == NULL && i < registry->count; i++)
        if (strcmp(registry->op[i]->name, name) == 0)
            op = registry->op[i];
    return op;
}

const char *const *fv_op_names(void)
{
    return ops_names;
}

const fv_op *const *fv_op_list(int *count)
{
    *count = FV_OPS_COUNT;
    return table;
}

int fv_shards(int64_t n)
{
    int shards = 8;
    while (shards > 1 && n % shards != 0)
        shards /= 2;
    return shards;
}

static bool op_name_ok(const char *name)
{
    if (name == NULL || !islower((unsigned char)name[0]))
        return false;
    for (const char *p = name; *p != '\0'; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
            return false;
    return true;
}

static size_t attr_bytes(fv_attr_kind kind)
{
    static const size_t bytes[] = {
        [FV_ATTR_INT] = sizeof(int64_t),  [FV_ATTR_INT2] = 2 * sizeof(int64_t), [FV_ATTR_PAD] = 4 * sizeof(int64_t),
        [FV_ATTR_INTS] = sizeof(fv_ints), [FV_ATTR_REAL] = sizeof(double),      [FV_ATTR_BOOL] = sizeof(bool),
        [FV_ATTR_ENUM] = sizeof(int32_t),
    };
    return (unsigned)kind <= FV_ATTR_ENUM ? bytes[kind] : 0;
}

/* The first thing wrong with an attribute, or NULL. */
static const char *attr_flaw(const fv_op *op, const fv_attr *attr)
{
    size_t bytes = attr_bytes(attr->kind);
    if (!op_name_ok(attr->key))
        return "the key must be lower-case letters, digits and underscores";
    if (bytes == 0)
        return "the kind is none of fv_attr_kind";
    if (bytes > op->attr_size || attr->offset > op->attr_size - bytes)
        return "the offset lies outside the attribute struct";
    if (attr->doc == NULL)
        return "there is no doc sentence";
    if (attr->kind == FV_ATTR_ENUM && attr->names == NULL)
        return "an ENUM needs names";
    if (attr->kind == FV_ATTR_INTS || attr->kind == FV_ATTR_BOOL)
        return NULL;
    if (!(attr->min <= attr->def && attr->def <= attr->max))
        return "the default is outside min..max";
    for (int i = 0; attr->kind == FV_ATTR_ENUM && i <= (int)attr->max; i++)
        if (attr->names[i] == NULL)
            return "max is beyond the last name";
    for (const fv_attr *other = op->attrs; other != attr; other++)
        if (strcmp(other->key, attr->key) == 0)
            return "the key is there twice";
    return NULL;
}

/* The first thing wrong with a row, or NULL. */
static const char *op_flaw(const fv_op *op)
{
    if (op->infer == NULL || op->ref == NULL)
        return "the hooks infer and ref are required";
    if (op->n_in_min < 0 || op->n_in_max < op->n_in_min || op->n_out < (op->updates ? 0 : 1))
        return "operand counts must satisfy 0 <= n_in_min <= n_in_max and n_out >= 1 (0 where operands are updated)";
    if (op->n_in_max < 32 && op->updates >> op->n_in_max != 0)
        return "updates names an operand behind the last one";
    if (op->doc == NULL || op->operands == NULL || (op->letters == NULL && op->n_in_max > 0))
        return "doc, operands and letters are required";
    for (int i = 0; i < op->n_in_max + op->n_out; i++)
        if (op->operands[i] == NULL || (i < op->n_in_max && op->letters[i] == NULL))
            return "operands must name every operand and result, letters every operand";
    if ((op->attr_size == 0) != (op->attrs == NULL || op->attrs[0].key == NULL))
        return "attr_size and attrs must both be there or both be absent";
    if (op->traits & FV_T_FUSES_ACTIVATION) {
        const fv_attr *first = op->attrs;
        if (first == NULL || first->kind != FV_ATTR_ENUM || first->offset != 0 || strcmp(first->key, "activation") != 0)
            return "FV_T_FUSES_ACTIVATION needs `int32_t activation` as its first attribute";
    }
    if ((op->traits & FV_T_FUSES_RESIDUAL) && op->n_in_max < 4)
        return "FV_T_FUSES_RESIDUAL needs a fourth operand";
    if ((op->traits & FV_T_WEIGHTED) && op->n_in_max < 3)
        return "FV_T_WEIGHTED needs a weight and a bias operand";
    if ((op->traits & FV_T_BACKWARD) && op->grad != NULL)
        return "an operator with FV_T_BACKWARD has no gradient of its own";
    return NULL;
}

fv_status fv_op_check(fv_ctx *ctx, const fv_op *op)
{
    if (op == NULL || !op_name_ok(op->name))
        return fv_fail(ctx, FV_ERR_ARGUMENT,
                       "operator '%s': the name must be lower-case letters, digits and underscores",
                       op == NULL || op->name == NULL ? "" : op->name);
    const char *flaw = op_flaw(op);
    if (flaw != NULL)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "operator '%s': %s", op->name, flaw);
    for (const fv_attr *attr = op->attrs; attr != NULL && attr->key != NULL; attr++)
        if ((flaw = attr_flaw(op, attr)) != NULL)
            return fv_fail(ctx, FV_ERR_ARGUMENT, "operator '%s', attribute '%s': %s", op->name, attr->key, flaw);
    return FV_OK;
}

static void registry_destroy(fv_ctx *ctx, void *object)
{
    op_registry *registry = object;
    fv_free(ctx, registry->op);
    fv_free(ctx, registry);
}

fv_status fv_op_register(fv_ctx *ctx, const fv_op *op)
{
    FV_TRY(fv_op_check(ctx, op));
    if (fv_op_find(ctx, op->name) != NULL)
        return fv_fail(ctx, FV_ERR_ARGUMENT, "operator '%s': the name is taken; choose another", op->name);
    op_registry *registry = fv_ctx_attached(ctx, table);
    if (registry == NULL) {
        registry = fv_new(ctx, op_registry);
        if (registry == NULL)
            return FV_ERR_NO_MEMORY;
        fv_status status = fv_ctx_attach(ctx, table, registry, registry_destroy);
        if (status != FV_OK) {
            fv_free(ctx, registry);
            return status;
        }
    }
    if (registry->count == registry->capacity) {
        int capacity = registry->capacity == 0 ? 8 : 2 * registry->capacity;
        const fv_op **grown = fv_realloc(ctx, registry->op, (size_t)capacity * sizeof *grown);
        if (grown == NULL)
            return FV_ERR_NO_MEMORY;
        registry->op = grown;
        registry->capacity = capacity;
    }
    registry->op[registry->count++] = op;
    return FV_OK;
}
