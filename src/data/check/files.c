/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about single images: what decoding noticed. */
#include <string.h>

#include "data/check/check.h"

static fv_status tell_failure(fv_check_report *r, int64_t i)
{
    const fv_check_sample *s = &r->samples[i];
    const bool reject = s->status == FV_ERR_DATA_TOO_LARGE;
    return fv_check_add(r, s->fault, reject ? FV_VERDICT_REJECT : FV_VERDICT_QUARANTINE, s->name, i, s->bad_byte,
                        "%s%s", s->error, reject ? "; raise --max-pixels if you trust the file" : "");
}

static fv_status tell_notes(fv_check_report *r, int64_t i, bool odd_grey)
{
    static const fv_decode_notes silent = {.bad_byte = -1};
    const fv_check_sample *s = &r->samples[i];
    const fv_decode_notes *n = s->notes ? s->notes : &silent;
    const struct {
        bool happened;
        int fault;
        fv_verdict verdict;
        const char *text;
    } kinds[] = {
        {n->salvaged, FV_FAULT_TRUNCATED, FV_VERDICT_WARN, "truncated: salvaged, the rest is grey"},
        {n->corrupt_markers && !n->salvaged, FV_FAULT_MARKERS, FV_VERDICT_WARN, n->warning},
        {s->wrong_extension, FV_FAULT_NOT_IMAGE, FV_VERDICT_WARN, "the name says another format than the content"},
        {n->cmyk, FV_FAULT_CMYK, FV_VERDICT_CONVERT, "CMYK converted to RGB"},
        {n->alpha, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "transparency put on the background color"},
        {n->bands, FV_FAULT_CHANNELS, FV_VERDICT_WARN,
         "bands beyond the color that are not declared as opacity: --in-chans takes all of them"},
        {n->preview, FV_FAULT_ANIMATED, FV_VERDICT_CONVERT,
         "the first page is a preview: the picture that it is of is used"},
        {n->palette && !n->alpha, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "palette expanded to RGB"},
        {odd_grey, FV_FAULT_CHANNELS, FV_VERDICT_CONVERT, "grey among color images: replicated to three channels"},
        {n->sixteen_bit, FV_FAULT_SIXTEEN_BIT, FV_VERDICT_CONVERT, "16 bits per channel, which are kept"},
        {n->animated, FV_FAULT_ANIMATED, FV_VERDICT_CONVERT, "more frames or pages than one: the first is used"},
        {n->exif_rotated, FV_FAULT_ORIENTATION, FV_VERDICT_CONVERT, "turned upright as EXIF says"},
    };
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (kinds[k].happened)
            FV_TRY(fv_check_add(r, kinds[k].fault, kinds[k].verdict, s->name, i, n->bad_byte, "%s (%s %lld x %lld)",
                                kinds[k].text, s->format, (long long)s->w, (long long)s->h));
    }
    return FV_OK;
}

static fv_status tell_pixels(fv_check_report *r, int64_t i)
{
    const fv_check_sample *s = &r->samples[i];
    if (s->h == 1 || s->w == 1)
        return fv_check_add(r, FV_FAULT_TINY, FV_VERDICT_WARN, s->name, i, -1,
                            "%lld x %lld pixels: used, but hardly a picture of anything", (long long)s->w,
                            (long long)s->h);
    if (s->constant)
        return fv_check_add(r, FV_FAULT_CONSTANT, FV_VERDICT_WARN, s->name, i, -1,
                            "every pixel is the same: nothing can be learned from it (%lld x %lld)", (long long)s->w,
                            (long long)s->h);
    return FV_OK;
}

/* Color profiles are told once for a split: most cameras' files have one. */
static fv_status tell_profiles(fv_check_report *r, const fv_check_split *split)
{
    int64_t n = 0, first = -1;
    for (int64_t i = split->first; i < split->first + split->count; i++) {
        const fv_decode_notes *notes = r->samples[i].notes;
        if (r->samples[i].error || !notes || !notes->icc)
            continue;
        first = first < 0 ? i : first;
        n++;
    }
    if (n == 0)
        return FV_OK;
    return fv_check_add(r, FV_FAULT_ICC, FV_VERDICT_CONVERT, r->samples[first].name, first, -1,
                        "its color profile is not applied (%lld of %lld images have one)", (long long)n,
                        (long long)split->count);
}

/* Told once for a split: it is a habit of whoever wrote the files. */
static fv_status tell_range(fv_check_report *r, const fv_check_split *split)
{
    char text[400];
    if (!fv_pixel_range_odd(&split->range, text, sizeof text))
        return FV_OK;
    const fv_pixel_range *range = &split->range;
    return fv_check_add(r, range->images ? FV_FAULT_NOT_FINITE : FV_FAULT_SCALE, FV_VERDICT_WARN, split->where, -1, -1,
                        "%s (%lld images)", text,
                        (long long)(range->images ? range->images
                                    : range->deep ? range->deep
                                                  : range->plain));
}

fv_status fv_check_files(fv_check_report *r)
{
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        const fv_check_split *split = &r->splits[k];
        int64_t color = 0;
        for (int64_t i = split->first; i < split->first + split->count; i++)
            color += !r->samples[i].error && r->samples[i].c >= 3;
        for (int64_t i = split->first; i < split->first + split->count; i++) {
            const fv_check_sample *s = &r->samples[i];
            if (s->error) {
                FV_TRY(tell_failure(r, i));
                continue;
            }
            FV_TRY(tell_notes(r, i, color > 0 && s->c == 1));
            FV_TRY(tell_pixels(r, i));
        }
        FV_TRY(tell_profiles(r, split));
        FV_TRY(tell_range(r, split));
    }
    return FV_OK;
}
