/* SPDX-License-Identifier: Apache-2.0 */
/* fovea doctor: what the program finds on this machine, and what the machine can do. */
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "cli.h"

/* Titles of the image formats that this build can read, or of those it cannot with the library each lacks. */
static void list_formats(bool available, char *text, size_t size)
{
    fv_image_format_info f;
    size_t used = 0;
    text[0] = '\0';
    for (int64_t i = 0; fv_image_format_at(i, &f); i++) {
        if (f.available != available || used >= size)
            continue;
        used += (size_t)snprintf(text + used, size - used, "%s%s", used ? ", " : "", f.title);
        if (!available && used < size)
            used += (size_t)snprintf(text + used, size - used, " (%s)", f.library);
    }
}

/* ---- images a second ---- */

enum { NETWORKS = 5, BATCH = 4 };
static const char *const networks[NETWORKS] = {"lenet", "squeezenet1_1", "mobilenet_v2", "resnet18", "resnet50"};
/* Seconds that one run may be expected to take: what takes longer is not run. */
static const double patience = 0.8;

typedef struct speed {
    double images; /* a second; 0: it does not fit into memory */
    bool measured; /* else expected from the roof and what the networks before it reached of it */
} speed;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of a run, the better of two unless one is long. */
static fv_status time_run(fv_model *model, double *seconds)
{
    fv_session *session = NULL;
    fv_status status = fv_model_init(model, 0, FV_INIT_DEFAULT);
    if (status == FV_OK)
        status = fv_session_create(model, BATCH, &session);
    *seconds = 1e30;
    for (int run = 0; run < 3 && status == FV_OK && (run == 0 || *seconds < 0.2); run++) {
        const double start = now();
        status = fv_session_run(session);
        const double taken = now() - start;
        *seconds = taken < *seconds ? taken : *seconds;
    }
    fv_session_destroy(&session);
    return status;
}

/* `share` is what the network before this one reached of the roof. */
static fv_status look_at_network(fv_ctx *ctx, const char *name, double roof, double *share, speed *s)
{
    fv_model *model = NULL;
    fv_memory plan;
    double flops = 0, seconds = 0;
    *s = (speed){.images = 0};
    fv_status status = fv_model_zoo(ctx, name, NULL, &model);
    if (status != FV_OK)
        return status == FV_ERR_OVER_BUDGET ? FV_OK : status;
    for (int i = 0; i < fv_model_layer_count(model); i++) {
        fv_layer_info l;
        fv_model_layer(model, i, &l);
        flops += l.training ? 0 : l.flops;
    }
    status = fv_evaluate_memory(model, NULL, BATCH, 0, &plan);
    const bool fits = status == FV_OK && plan.total <= fv_ctx_memory_limit(ctx);
    *s = (speed){.measured = fits && BATCH * flops < patience * roof * *share};
    if (s->measured) {
        status = time_run(model, &seconds);
        s->images = seconds > 0 ? BATCH / seconds : 0;
        *share = s->images * flops / roof;
    } else if (fits) {
        s->images = roof * *share / flops;
    }
    fv_model_destroy(&model);
    return status == FV_ERR_OVER_BUDGET ? FV_OK : status;
}

static fv_status look_at_networks(fv_ctx *ctx, const fv_machine *m, speed speeds[NETWORKS])
{
    double share = 0.1; /* of small networks, which are run in any case */
    for (int i = 0; i < NETWORKS; i++)
        FV_TRY(look_at_network(ctx, networks[i], 1e9 * m->gflops_all, &share, &speeds[i]));
    return FV_OK;
}

/* ---- showing ---- */

static void cache_text(const fv_machine_cache *c, char text[64])
{
    if (c->bytes == 0)
        snprintf(text, 64, "not known");
    else if (c->bytes < 1 << 20)
        snprintf(text, 64, "%lld KiB", (long long)(c->bytes >> 10));
    else
        snprintf(text, 64, "%.4g MiB", (double)c->bytes / 1048576);
    if (c->bytes && c->shared_by > 1)
        snprintf(text + strlen(text), 64 - strlen(text), " for %d processors", c->shared_by);
    else if (c->bytes && c->shared_by == 1)
        snprintf(text + strlen(text), 64 - strlen(text), " for each processor");
}

static void print_text(const fv_ctx *ctx, const fv_machine *m, const speed *speeds)
{
    char formats[256], absent[256], cache[3][64];
    list_formats(true, formats, sizeof formats);
    list_formats(false, absent, sizeof absent);
    printf("fovea            %s\nprocessor        %s\ninstruction set  %s\nthreads          %d\nmemory for plans "
           "%.1f GiB\n"
           "device           cpu (this build has no other)\n",
           fv_version(), fv_ctx_processor(ctx), fv_ctx_isa(ctx), fv_ctx_threads(ctx),
           (double)fv_ctx_memory_limit(ctx) / 1073741824);
    printf("image formats    %s\n", formats);
    if (absent[0])
        printf("  not built in   %s\n", absent);
    for (int i = 0; i < 3; i++) {
        cache_text(&m->cache[i], cache[i]);
        printf("%s         %s\n", (const char *const[]){"cache L1", "cache L2", "cache L3"}[i], cache[i]);
    }
    printf("float32          %.1f GFLOP/s on one thread, %.1f on all (measured: fused multiply-adds)\n", m->gflops_one,
           m->gflops_all);
    printf("copying          %.1f GB/s read and written (measured)\n", m->copy_gb_per_s);
    printf("images a second  at batch size %d, networks at their own input size\n", BATCH);
    for (int i = 0; i < NETWORKS; i++) {
        if (speeds[i].images == 0)
            printf("  %-14s needs more than the memory for plans\n", networks[i]);
        else
            printf("  %-14s %.*f (%s)\n", networks[i], speeds[i].images < 10, speeds[i].images,
                   speeds[i].measured ? "measured" : "expected from those above");
    }
}

static json_t *machine_json(const fv_machine *m, const speed *speeds)
{
    json_t *caches = json_array(), *list = json_array();
    for (int i = 0; i < 3; i++)
        json_array_append_new(caches, json_pack("{s:i, s:I, s:i}", "level", i + 1, "bytes",
                                                (json_int_t)m->cache[i].bytes, "shared_by", m->cache[i].shared_by));
    for (int i = 0; i < NETWORKS; i++) {
        json_t *row =
            json_pack("{s:s, s:i, s:b}", "network", networks[i], "batch_size", BATCH, "measured", speeds[i].measured);
        json_object_set_new(row, "img_per_s", speeds[i].images > 0 ? json_real(speeds[i].images) : json_null());
        json_array_append_new(list, row);
    }
    return json_pack("{s:o, s:f, s:f, s:f, s:o}", "caches", caches, "gflops_one_thread", m->gflops_one,
                     "gflops_all_threads", m->gflops_all, "copy_gb_per_s", m->copy_gb_per_s, "networks", list);
}

static void print_json(const fv_ctx *ctx, const fv_machine *m, const speed *speeds)
{
    char formats[256], absent[256];
    list_formats(true, formats, sizeof formats);
    list_formats(false, absent, sizeof absent);
    json_t *root = json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:s, s:s, s:s}", "version", fv_version(), "processor",
                             fv_ctx_processor(ctx), "instruction_set", fv_ctx_isa(ctx), "threads", fv_ctx_threads(ctx),
                             "memory_limit", (json_int_t)fv_ctx_memory_limit(ctx), "device", "cpu", "jansson",
                             jansson_version_str(), "image_formats", formats, "image_formats_absent", absent);
    json_object_set_new(root, "machine", machine_json(m, speeds));
    json_dumpf(root, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    json_decref(root);
}

fv_status verb_doctor(settings *c)
{
    fv_ctx *ctx;
    fv_machine machine;
    speed speeds[NETWORKS];
    fv_status status = context_open(c, &ctx);
    if (status != FV_OK)
        return status;
    status = fv_machine_measure(ctx, &machine);
    if (status == FV_OK)
        status = look_at_networks(ctx, &machine, speeds);
    if (status == FV_OK && c->json)
        print_json(ctx, &machine, speeds);
    else if (status == FV_OK)
        print_text(ctx, &machine, speeds);
    status = report(ctx, status);
    fv_ctx_destroy(&ctx);
    return status;
}
