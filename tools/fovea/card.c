/* SPDX-License-Identifier: Apache-2.0 */
#include "card.h"

#include <stdlib.h>
#include <string.h>

#include "amounts.h"
#include "show.h"

static const struct {
    const char *key, *title;
} rows[FV_CARD_COUNT] = {
#define FV_CARD_ROW(id, key, title) {key, title},
    FV_CARD_LIST(FV_CARD_ROW)
#undef FV_CARD_ROW
};
/* What says them; of metrics training does. */
static const char *const options_of[FV_CARD_COUNT] = {[FV_CARD_DATA] = "--data-name",
                                                      [FV_CARD_LICENSE] = "--license",
                                                      [FV_CARD_METRICS] = "convert --metrics",
                                                      [FV_CARD_DATE] = "--date"};

static bool is_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    const int month = atoi(text + 5), day = atoi(text + 8);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

fv_status card_take(const settings *c, fv_model *model)
{
    const char *const given[FV_CARD_COUNT] = {[FV_CARD_DATA] = c->data_name,
                                              [FV_CARD_LICENSE] = c->license,
                                              [FV_CARD_METRICS] = c->metrics,
                                              [FV_CARD_DATE] = c->date};
    if (c->date && !is_date(c->date))
        return complain(FV_ERR_VALUE, NULL, "--date: '%s': expected YYYY-MM-DD", c->date);
    for (int i = 0; i < FV_CARD_COUNT; i++)
        if (given[i])
            FV_TRY(fv_model_set_card(model, (fv_card_item)i, given[i]));
    return FV_OK;
}

fv_status card_take_trained(const settings *c, const fv_dataset *data, fv_model *model)
{
    const char *before = fv_model_card(model, FV_CARD_DATA);
    char now[96], *text = NULL;
    if (!data)
        snprintf(now, sizeof now, "data that are not said");
    else
        fv_dataset_summary(data, now);
    if (asprintf(&text, before ? "%s; before that %s" : "%s", now, before) < 0)
        return FV_ERR_NO_MEMORY;
    fv_status status = fv_model_set_card(model, FV_CARD_DATA, strlen(text) <= FV_CARD_MAX ? text : now);
    free(text);
    if (status == FV_OK)
        status = fv_model_set_card(model, FV_CARD_METRICS, NULL);
    if (status == FV_OK)
        status = fv_model_set_card(model, FV_CARD_DATE, NULL);
    return status == FV_OK ? card_take(c, model) : status;
}

fv_status card_copy(const fv_model *from, fv_model *to)
{
    for (int i = 0; i < FV_CARD_COUNT; i++)
        FV_TRY(fv_model_set_card(to, (fv_card_item)i, fv_model_card(from, (fv_card_item)i)));
    return FV_OK;
}

const char *card_key(int item)
{
    return rows[item].key;
}

void card_print(const fv_model *model)
{
    for (int i = 0; i < FV_CARD_COUNT; i++) {
        const char *said = fv_model_card(model, (fv_card_item)i);
        printf("%-17s ", rows[i].title);
        if (said)
            show_text(stdout, said);
        else
            printf("not said (%s)", options_of[i]);
        putchar('\n');
    }
}

/* ---- as a page ---- */

/* A text in a cell of a table, or behind a dash: what would be markup is none. */
static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_[]<>|#", *text))
            fputc('\\', out);
        fputc((unsigned char)*text < ' ' ? ' ' : *text, out);
    }
}

static void put_classes(const fv_model *model, FILE *out)
{
    const int64_t n = fv_model_classes(model);
    if (n == 0 || !fv_model_has_class_names(model))
        return;
    fprintf(out, "\n## %s\n\n", fv_model_task(model) == FV_TASK_REGRESS ? "Numbers" : "Classes");
    for (int64_t i = 0; i < n; i++) {
        fprintf(out, "%lld. ", (long long)i);
        put_text(out, fv_model_class_name(model, i));
        fputc('\n', out);
    }
}

fv_status card_markdown(const fv_model *model, const char *path, FILE *out)
{
    static const char *const tasks[FV_TASK_COUNT] = {"tells one of %lld classes", "tells any of %lld classes",
                                                     "tells %lld numbers"};
    int64_t h, w, channels;
    char hex[65], parameters[AMOUNT_MAX];
    fv_model_input_size(model, &h, &w, &channels);
    fv_model_sha256(model, hex);
    fputs("# ", out);
    put_text(out, fv_model_name(model));
    fputs("\n\n| | |\n|---|---|\n| architecture | ", out);
    put_text(out, fv_model_name(model));
    fprintf(out, ", %s parameters |\n| input | %lld x %lld pixels, %lld %s |\n| task | ",
            amount_count((double)fv_model_parameters(model), parameters), (long long)h, (long long)w,
            (long long)channels, channels == 1 ? "channel" : "channels");
    fprintf(out, tasks[fv_model_task(model)], (long long)fv_model_classes(model));
    fputs(" |\n", out);
    for (int i = 0; i < FV_CARD_COUNT; i++) {
        const char *said = fv_model_card(model, (fv_card_item)i);
        fprintf(out, "| %s | ", rows[i].title);
        put_text(out, said ? said : "not said");
        fputs(" |\n", out);
    }
    fprintf(out, "| SHA-256 of the weights | `%s` |\n", hex);
    put_classes(model, out);
    fputs("\n## Use\n\n    fovea predict --model ", out);
    for (const char *p = path; *p; p++)
        fputc((unsigned char)*p < ' ' ? '?' : *p, out);
    fputs(" --source YOUR_IMAGE\n", out);
    return ferror(out) ? FV_ERR_IO : FV_OK;
}
