/* SPDX-License-Identifier: Apache-2.0 */
/* What a context says about planning. */
#include <string.h>

#include "base/file.h"
#include "backend/device.h"
#include "base/text.h"
#include "plan/internal.h"

/* Attached to the context. */
typedef struct plan_settings {
    fv_plan_policy policy;
    char *algorithm;
    fv_wisdom *recorded;
    const fv_solver_provider **providers; /* own ones, the device's, NULL */
    size_t n_providers;
} plan_settings;

static const char settings_key;

static void settings_destroy(fv_ctx *ctx, void *object)
{
    plan_settings *s = object;
    fv_free(ctx, s->algorithm);
    fv_wisdom_destroy(&s->recorded);
    fv_free(ctx, s->providers);
    fv_free(ctx, s);
}

static fv_status settings_of(fv_ctx *ctx, plan_settings **settings)
{
    *settings = fv_ctx_attached(ctx, &settings_key);
    if (*settings)
        return FV_OK;
    plan_settings *s = fv_new(ctx, plan_settings);
    if (!s)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_ctx_attach(ctx, &settings_key, s, settings_destroy);
    if (status != FV_OK)
        fv_free(ctx, s);
    else
        *settings = s;
    return status;
}

fv_planner fv_planner_of(const fv_ctx *ctx, fv_wisdom *wisdom)
{
    const plan_settings *s = fv_ctx_attached(ctx, &settings_key);
    fv_planner planner = {.ctx = (fv_ctx *)(uintptr_t)ctx, .providers = fv_device_of(ctx)->providers, .wisdom = wisdom};
    if (s) {
        planner.policy = s->policy;
        planner.recorded = s->recorded;
        if (s->providers)
            planner.providers = s->providers;
    }
    return planner;
}

fv_status fv_ctx_add_solvers(fv_ctx *ctx, const fv_solver_provider *provider)
{
    plan_settings *s;
    FV_TRY(settings_of(ctx, &s));
    const fv_solver_provider *const *device = fv_device_of(ctx)->providers;
    size_t shared = 0;
    while (device[shared])
        shared++;
    const fv_solver_provider **grown = fv_malloc(ctx, (s->n_providers + shared + 2) * sizeof *grown);
    if (!grown)
        return FV_ERR_NO_MEMORY;
    for (size_t i = 0; i < s->n_providers; i++)
        grown[i] = s->providers[i];
    grown[s->n_providers++] = provider;
    memcpy(grown + s->n_providers, device, (shared + 1) * sizeof *grown);
    fv_free(ctx, s->providers);
    s->providers = grown;
    return FV_OK;
}

/* ---- options ---- */

/* What an algorithm may be called. */
#define ALGORITHMS_MAX 63

typedef struct algorithms {
    const char *name[ALGORITHMS_MAX + 1];
    int count;
} algorithms;

static void add_name(algorithms *a, const char *name)
{
    for (int i = 0; i < a->count; i++)
        if (strcmp(a->name[i], name) == 0)
            return;
    if (a->count < ALGORITHMS_MAX)
        a->name[a->count++] = name;
}

static void add_algorithm(void *arg, const fv_solver *solver)
{
    const char *first = strchr(solver->name, '.'), *last = strrchr(solver->name, '.');
    if (last && last != first) /* "cpu.relu" has one way only */
        add_name(arg, last + 1);
    add_name(arg, fv_solver_bits(solver));
}

fv_status fv_algorithm_check(fv_ctx *ctx, const char *name)
{
    algorithms all = {.count = 0};
    fv_str list = {.ctx = ctx};
    add_name(&all, FV_DIRECT);
    fv_solvers_visit(fv_planner_of(ctx, NULL).providers, add_algorithm, &all);
    for (int i = 0; i < all.count; i++) {
        if (strcmp(all.name[i], name) == 0) {
            fv_str_free(&list);
            return FV_OK;
        }
        fv_str_printf(&list, "%s%s", i ? ", " : "", all.name[i]);
    }
    const char *nearest = fv_text_nearest(name, all.name);
    fv_status status = fv_fail(ctx, FV_ERR_VALUE, "conv-algo '%s': no solver is called so", name);
    if (nearest)
        fv_fail_hint(ctx, status, "did you mean '%s'? There are: %s", nearest, fv_str_get(&list));
    else
        fv_fail_hint(ctx, status, "there are: %s", fv_str_get(&list));
    fv_str_free(&list);
    return status;
}

static fv_status read_record(fv_ctx *ctx, const char *path, fv_wisdom **recorded)
{
    uint8_t *text = NULL;
    int64_t size = 0;
    FV_TRY(fv_file_read(ctx, path, 1 << 26, false, &text, &size));
    fv_status status = fv_wisdom_create(ctx, recorded);
    if (status == FV_OK)
        status = fv_wisdom_read(*recorded, path, (const char *)text);
    fv_free(ctx, text);
    if (status != FV_OK)
        fv_wisdom_destroy(recorded);
    return status;
}

fv_status fv_ctx_plan(fv_ctx *ctx, const fv_plan_options *options)
{
    const char *plan = options->plan ? options->plan : "cost";
    const bool all = strcmp(plan, "measure-all") == 0, measure = all || strcmp(plan, "measure") == 0;
    fv_wisdom *recorded = NULL;
    char *algorithm = NULL;
    plan_settings *s;
    if (options->effort < 0 || options->effort > 3)
        return fv_fail(ctx, FV_ERR_VALUE, "plan-effort %d: expected 1 (quick), 2 or 3 (patient)", options->effort);
    if (options->workspace < 0)
        return fv_fail(ctx, FV_ERR_VALUE, "plan-workspace %lld: expected a number of bytes, 0 for any",
                       (long long)options->workspace);
    if (measure && !fv_device_of(ctx)->host_memory)
        return fv_fail(ctx, FV_ERR_UNSUPPORTED,
                       "plan '%s': solvers of the device '%s' cannot be timed: its memory is "
                       "its own; use 'cost' or a file",
                       plan, fv_device_of(ctx)->name);
    if (options->algorithm)
        FV_TRY(fv_algorithm_check(ctx, options->algorithm));
    FV_TRY(settings_of(ctx, &s));
    if (!measure && strcmp(plan, "cost") != 0)
        FV_TRY(read_record(ctx, plan, &recorded));
    if (options->algorithm) {
        algorithm = fv_strdup(ctx, options->algorithm);
        if (!algorithm) {
            fv_wisdom_destroy(&recorded);
            return FV_ERR_NO_MEMORY;
        }
    }
    fv_free(ctx, s->algorithm);
    fv_wisdom_destroy(&s->recorded);
    s->algorithm = algorithm;
    s->recorded = recorded;
    s->policy = (fv_plan_policy){.mode = measure ? FV_PLAN_MEASURE : FV_PLAN_ESTIMATE,
                                 .across_classes = all,
                                 .effort = options->effort,
                                 .workspace = options->workspace,
                                 .algorithm = algorithm};
    return FV_OK;
}
