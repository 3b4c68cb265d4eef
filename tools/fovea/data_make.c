/* SPDX-License-Identifier: Apache-2.0 */
/* fovea data make: draw a data set. */
#include <string.h>

#include "data.h"

fv_status data_make(settings *c, fv_ctx *ctx)
{
    if (!c->positional[1] || strcmp(c->positional[1], "digits") != 0)
        return complain(FV_ERR_USAGE, "write `fovea data make digits --output DIR`",
                        "fovea data make: %s%s%s; the data set that can be drawn is digits",
                        c->positional[1] ? "there is no '" : "make what?", c->positional[1] ? c->positional[1] : "",
                        c->positional[1] ? "'" : "");
    if (!c->output)
        return complain(FV_ERR_USAGE, NULL, "fovea data make digits: --output DIR is missing");
    const int64_t test = option_given("test") ? (int64_t)c->test_amount : 2000;
    if (test < 1 || (option_given("test") && (double)test != c->test_amount))
        return complain(FV_ERR_VALUE, NULL, "fovea data make: --test %g: expected a whole number, at least 1",
                        c->test_amount);
    fv_status status = fv_make_digits(ctx, c->output, c->train_count, test, (uint64_t)c->fit.seed);
    if (status != FV_OK)
        return report(ctx, status);
    note("%s: %lld training and %lld test digits, 28 x 28, seed %lld", c->output, (long long)c->train_count,
         (long long)test, (long long)c->fit.seed);
    return 0;
}
