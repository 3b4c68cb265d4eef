/* SPDX-License-Identifier: Apache-2.0 */
/* Creating a context: options, environment, processor. */
#include "base/ctx_impl.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks of this size and more begin on a huge page's border and ask for huge pages. */
#define HUGE_BLOCK ((size_t)4 << 20)
#define HUGE_PAGE  ((size_t)2 << 20)

static void *default_alloc(void *user, size_t size, size_t align)
{
    (void)user;
    const bool huge = size >= HUGE_BLOCK;
    void *ptr = NULL;
    /* A large part of a page is cheaper as the whole of one than as hundreds of small ones. */
    if (huge && size % HUGE_PAGE >= HUGE_PAGE / 4)
        size += HUGE_PAGE - size % HUGE_PAGE;
    if (posix_memalign(&ptr, huge && align < HUGE_PAGE ? HUGE_PAGE : align, size))
        return NULL;
#ifdef MADV_HUGEPAGE
    if (huge)
        (void)madvise(ptr, size / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* only advice: a refusal changes nothing */
#endif
    return ptr;
}

static void default_release(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

/* What the options and the environment ask for, before there is a context. */
typedef struct ctx_settings {
    fv_cpu cpu;
    fv_isa isa;
    int threads;
    int64_t memory_limit;
    const char *topics;
} ctx_settings;

/* There is no context yet to hold a message: it goes to the log callback alone. */
FV_PRINTF(3, 4)
static fv_status refuse(const fv_ctx_options *options, fv_status status, const char *format, ...)
{
    if (!options->log)
        return status;
    char line[FV_HINT_MAX];
    va_list args;
    va_start(args, format);
    fv_text_vformat(line, sizeof line, format, args);
    va_end(args);
    options->log(options->log_user, FV_LOG_ERROR, "context", line);
    return status;
}

bool fv_isa_built(fv_isa isa)
{
    static const bool built[FV_ISA_COUNT] = {
#ifdef FV_BUILD_NEON
        [FV_ISA_NEON] = true,
#endif
#ifdef FV_BUILD_AVX2
        [FV_ISA_AVX2] = true,
#endif
#ifdef FV_BUILD_AVX512
        [FV_ISA_AVX512] = true,
#endif
        [FV_ISA_SCALAR] = true,
    };
    return built[isa];
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* In the build and in the processor. */
static bool usable(const fv_cpu *cpu, fv_isa isa)
{
    return fv_isa_built(isa) && cpu->has[isa];
}

static fv_status resolve_isa(const fv_ctx_options *options, ctx_settings *s)
{
    const char *source = options->isa ? "isa" : "FOVEA_CPU";
    const char *name = options->isa ? options->isa : environment("FOVEA_CPU");
    char possible[64] = "";
    for (int i = 0; i < FV_ISA_COUNT; i++) {
        if (!usable(&s->cpu, (fv_isa)i))
            continue;
        s->isa = (fv_isa)i;
        snprintf(possible + strlen(possible), sizeof possible - strlen(possible), "%s%s", *possible ? ", " : "",
                 fv_isa_name((fv_isa)i));
    }
    if (!name)
        return FV_OK;
    fv_isa isa;
    if (!fv_isa_parse(name, &isa))
        return refuse(options, FV_ERR_VALUE, "%s: unknown instruction set '%s'; possible here: %s", source, name,
                      possible);
    if (!s->cpu.has[isa])
        return refuse(options, FV_ERR_VALUE, "%s: this processor (%s) lacks '%s'; possible here: %s", source,
                      s->cpu.name, name, possible);
    if (!fv_isa_built(isa))
        return refuse(options, FV_ERR_VALUE, "%s: this build has no kernels for '%s'; possible here: %s", source, name,
                      possible);
    s->isa = isa;
    return FV_OK;
}

static fv_status resolve_threads(const fv_ctx_options *options, ctx_settings *s)
{
    int64_t threads = options->threads;
    if (threads < 0 || threads > FV_THREADS_MAX)
        return refuse(options, FV_ERR_VALUE, "threads: found %lld, expected 0 (automatic) to %d", (long long)threads,
                      FV_THREADS_MAX);
    const char *text = environment("FOVEA_NUM_THREADS");
    if (!threads && text && (!fv_text_to_int(text, &threads) || threads < 1 || threads > FV_THREADS_MAX))
        return refuse(options, FV_ERR_VALUE, "FOVEA_NUM_THREADS: found '%s', expected 1 to %d", text, FV_THREADS_MAX);
    if (!threads && (text = environment("OMP_NUM_THREADS"))) {
        /* May be a list, one number per nesting level; the first one counts. It is not our variable: what cannot be
         * read is said and passed over. */
        char first[24];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(text, ","), text);
        if (!fv_text_to_int(first, &threads) || threads < 1 || threads > FV_THREADS_MAX) {
            threads = 0;
            if (options->log)
                options->log(options->log_user, FV_LOG_WARN, "context",
                             "OMP_NUM_THREADS is not a thread count; ignored");
        }
    }
    s->threads = threads ? (int)threads : s->cpu.threads < FV_THREADS_MAX ? s->cpu.threads : FV_THREADS_MAX;
    return FV_OK;
}

/* More than a control group or ulimit allows cannot be planned for: the process would be killed without a word. A part
 * of it is left for what the kernel counts beside it. */
static void resolve_memory(const fv_ctx_options *options, ctx_settings *s)
{
    const int64_t most = s->cpu.memory / 20 * 19;
    s->memory_limit = options->memory ? options->memory : s->cpu.memory / 5 * 4;
    if (!s->cpu.memory_capped || s->memory_limit <= most)
        return;
    char text[160];
    snprintf(text, sizeof text,
             "memory: %.1f MB asked for, %.1f MB planned for: this process may use %.1f MB (control group or ulimit)",
             (double)s->memory_limit / 1048576, (double)most / 1048576, (double)s->cpu.memory / 1048576);
    s->memory_limit = most;
    if (options->log)
        options->log(options->log_user, FV_LOG_WARN, "context", text);
}

static fv_status resolve(const fv_ctx_options *options, ctx_settings *s)
{
    if (!options->allocator.alloc != !options->allocator.release)
        return refuse(options, FV_ERR_ARGUMENT, "allocator: alloc and release must both be set or both be NULL");
    fv_cpu_detect(&s->cpu);
    FV_TRY(resolve_isa(options, s));
    FV_TRY(resolve_threads(options, s));
    if (options->memory < 0)
        return refuse(options, FV_ERR_VALUE, "memory: found %lld, expected bytes or 0 (automatic)",
                      (long long)options->memory);
    resolve_memory(options, s);
    s->topics = options->topics ? options->topics : environment("FOVEA_LOG");
    if (s->topics && strlen(s->topics) >= FV_TOPICS_MAX)
        return refuse(options, FV_ERR_VALUE, "%s: more than %d characters", options->topics ? "topics" : "FOVEA_LOG",
                      FV_TOPICS_MAX - 1);
    return FV_OK;
}

fv_status fv_ctx_create(const fv_ctx_options *options, fv_ctx **out)
{
    static const fv_ctx_options defaults = {0};
    if (!out)
        return FV_ERR_ARGUMENT;
    *out = NULL;
    options = options ? options : &defaults;
    ctx_settings s = {0};
    FV_TRY(resolve(options, &s));

    fv_allocator allocator = options->allocator;
    if (!allocator.alloc)
        allocator = (fv_allocator){default_alloc, default_release, NULL};
    size_t size = sizeof(fv_ctx) + (size_t)s.threads * sizeof(fv_task_range);
    fv_ctx *ctx = allocator.alloc(allocator.user, size, FV_ALIGN);
    if (!ctx)
        return refuse(options, FV_ERR_NO_MEMORY, "out of memory: %zu bytes for a context", size);
    memset(ctx, 0, size);
    ctx->allocator = allocator;
    ctx->block_size = size;
    ctx->sink = (fv_log_sink){.fn = options->log, .user = options->log_user};
    ctx->cpu = s.cpu;
    ctx->isa = s.isa;
    ctx->threads = s.threads;
    ctx->memory_limit = s.memory_limit;
    snprintf(ctx->topics, sizeof ctx->topics, "%s", s.topics ? s.topics : "");
    atomic_init(&ctx->pins, 1);
    fv_failures_init(ctx);
    fv_status status = fv_pool_start(ctx);
    if (status != FV_OK) {
        status = refuse(options, status, "%s", fv_ctx_error(ctx));
        fv_ctx_destroy(&ctx);
        return status;
    }
    *out = ctx;
    return FV_OK;
}

void fv_ctx_destroy(fv_ctx **ptr)
{
    if (!ptr || !*ptr)
        return;
    fv_ctx *ctx = *ptr;
    *ptr = NULL;
    fv_ctx_detach_all(ctx);
    int64_t now = 0;
    fv_ctx_memory(ctx, &now, NULL);
    if (now && atomic_load(&ctx->pins) == 1)
        fv_log(ctx, FV_LOG_WARN, "context", "%lld bytes are still in use as the context is destroyed", (long long)now);
    fv_pool_stop(ctx);
    fv_ctx_unpin(ctx);
}

void fv_ctx_pin(fv_ctx *ctx)
{
    atomic_fetch_add(&ctx->pins, 1);
}

void fv_ctx_unpin(fv_ctx *ctx)
{
    if (atomic_fetch_sub(&ctx->pins, 1) > 1)
        return;
    fv_failures_free(ctx);
    ctx->allocator.release(ctx->allocator.user, ctx, ctx->block_size);
}

int fv_ctx_threads(const fv_ctx *ctx)
{
    return ctx->threads;
}

const char *fv_ctx_isa(const fv_ctx *ctx)
{
    return fv_isa_name(ctx->isa);
}

const char *fv_ctx_processor(const fv_ctx *ctx)
{
    return ctx->cpu.name;
}

int64_t fv_ctx_memory_limit(const fv_ctx *ctx)
{
    return ctx->memory_limit;
}

void fv_ctx_watch(fv_ctx *ctx, fv_watch_fn fn, void *user)
{
    ctx->watch = fn;
    ctx->watch_user = user;
}

fv_status fv_watch(fv_ctx *ctx, const char *done_what, const char *unit, int64_t done, int64_t total)
{
    const fv_how_far progress = {done_what, unit, done, total};
    if (!ctx->watch || !ctx->watch(ctx->watch_user, &progress))
        return FV_OK;
    return fv_fail_hint(ctx,
                        fv_fail(ctx, FV_ERR_INTERRUPTED, "interrupted: %s %lld of %lld %s", done_what, (long long)done,
                                (long long)total, unit),
                        "nothing was written; start it again");
}

const fv_cpu *fv_ctx_cpu(const fv_ctx *ctx)
{
    return &ctx->cpu;
}

fv_isa fv_ctx_isa_id(const fv_ctx *ctx)
{
    return ctx->isa;
}

const char *fv_version(void)
{
    return FOVEA_VERSION;
}

int fv_abi_version(void)
{
    return FOVEA_ABI_VERSION;
}
