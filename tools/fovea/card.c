/* SPDX-License-Identifier: Apache-2.0 */
#include "card.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static bool is_date(const char *text)
{
    static const char form[] = "dddd-dd-dd";
    for (size_t i = 0; i < sizeof form; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return false;
    const int month = atoi(text + 5), day = atoi(text + 8);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

fv_status card_set_date(settings *c)
{
    static char text[32];
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char *end = NULL;
    time_t now = time(NULL);
    struct tm day;
    if (c->date)
        return FV_OK;
    if (epoch && *epoch)
        now = (time_t)strtoll(epoch, &end, 10);
    if ((end && *end) || now < 0 || !gmtime_r(&now, &day) || strftime(text, sizeof text, "%Y-%m-%d", &day) != 10)
        return complain(FV_ERR_VALUE, "correct or unset that variable; see `fovea help environment`",
                        "SOURCE_DATE_EPOCH: '%s': expected seconds since 1970", epoch ? epoch : "");
    c->date = text;
    return FV_OK;
}

/* "photos: 350 images, 5 classes" */
static void describe(const settings *c, const fv_dataset *data, char *text, size_t size)
{
    char path[4096], count[2][64];
    snprintf(path, sizeof path, "%s", c->data);
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        path[--n] = '\0';
    const char *slash = strrchr(path, '/'), *leaf = slash && slash[1] ? slash + 1 : path;
    snprintf(text, size, "%s: %s", leaf, count_of(fv_dataset_count(data), "image", "images", count[0]));
    if (fv_dataset_task(data) != FV_TASK_REGRESS)
        snprintf(text + strlen(text), size - strlen(text), ", %s",
                 count_of(fv_dataset_classes(data), "class", "classes", count[1]));
}

fv_status card_take(const settings *c, const fv_dataset *data, fv_model *model)
{
    char text[4400], *to;
    const char *const given[FV_CARD_COUNT] = {[FV_CARD_DATA] = c->data_name,
                                              [FV_CARD_LICENSE] = c->license,
                                              [FV_CARD_METRICS] = c->metrics,
                                              [FV_CARD_DATE] = c->date};
    if (c->date && !is_date(c->date))
        return complain(FV_ERR_VALUE, NULL, "--date: '%s': expected YYYY-MM-DD", c->date);
    for (int i = 0; i < FV_CARD_COUNT; i++)
        if (given[i])
            FV_TRY(fv_model_set_card(model, (fv_card_item)i, given[i]));
    if (!data || c->data_name)
        return FV_OK;
    describe(c, data, text, sizeof text);
    for (to = text; *to;) { /* a folder's name may hold anything: as it is shown */
        char shown[8];
        const size_t n = fv_text_show(to, shown);
        if (strlen(shown) != n || memcmp(shown, to, n) != 0)
            memset(to, '?', n);
        to += n;
    }
    return fv_model_set_card(model, FV_CARD_DATA, text);
}
