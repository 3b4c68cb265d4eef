/* SPDX-License-Identifier: Apache-2.0 */
#include "card.h"

#include <stdlib.h>

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
