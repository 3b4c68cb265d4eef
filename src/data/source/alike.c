/* SPDX-License-Identifier: Apache-2.0 */
/* Names of classes that are two for a program and one for whoever wrote them. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "data/source/source.h"

int fv_folded_order(const void *a, const void *b)
{
    const fv_folded *x = a, *y = b;
    const int keys = strcmp(x->key, y->key);
    return keys ? keys : strcmp(x->name, y->name);
}

bool fv_text_is_ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x80)
            return false;
    }
    return true;
}

/* The first two names, in the order of their keys, of which `fold` makes one. */
static fv_status find_pair(fv_ctx *ctx, const fv_names *names, char *(*fold)(fv_ctx *ctx, const char *name),
                           fv_names_pair *pair)
{
    fv_folded *all = fv_calloc(ctx, (size_t)names->count + 1, sizeof *all);
    fv_status status = all ? FV_OK : FV_ERR_NO_MEMORY;
    *pair = (fv_names_pair){.unseen = ""};
    for (int64_t k = 0; status == FV_OK && k < names->count; k++) {
        all[k] = (fv_folded){.name = names->name[k], .key = fold(ctx, names->name[k])};
        status = all[k].key ? FV_OK : FV_ERR_NO_MEMORY;
    }
    if (status == FV_OK)
        qsort(all, (size_t)names->count, sizeof *all, fv_folded_order);
    for (int64_t k = 1; status == FV_OK && !pair->a && k < names->count; k++) {
        const char *a = all[k - 1].name, *b = all[k].name;
        if (strcmp(all[k - 1].key, all[k].key) != 0)
            continue;
        pair->a = fv_text_reveal(ctx, a);
        pair->b = fv_text_reveal(ctx, b);
        pair->unseen = fv_text_is_ascii(a) && fv_text_is_ascii(b) ? "" : ", or by characters that are not seen";
        status = pair->a && pair->b ? FV_OK : FV_ERR_NO_MEMORY;
    }
    for (int64_t k = 0; all && k < names->count; k++)
        fv_free(ctx, all[k].key);
    fv_free(ctx, all);
    if (status != FV_OK)
        fv_names_pair_free(ctx, pair);
    return status;
}

fv_status fv_names_alike(fv_ctx *ctx, const fv_names *names, fv_names_pair *pair)
{
    return find_pair(ctx, names, fv_text_fold, pair);
}

fv_status fv_names_resemble(fv_ctx *ctx, const fv_names *names, fv_names_pair *pair)
{
    return find_pair(ctx, names, fv_text_skeleton, pair);
}

void fv_names_pair_free(fv_ctx *ctx, fv_names_pair *pair)
{
    fv_free(ctx, pair->a);
    fv_free(ctx, pair->b);
    pair->a = pair->b = NULL;
}
