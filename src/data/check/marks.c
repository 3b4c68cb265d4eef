/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts whose images have any number of classes, by boxes or masks: how many images and boxes each class has. */
#include "data/check/check.h"

fv_status fv_check_mark(fv_check_report *r, int64_t sample, int64_t class, int64_t boxes)
{
    if (r->n_marks == r->marks_capacity) {
        const int64_t more = r->marks_capacity ? r->marks_capacity * 2 : 256;
        fv_check_class_mark *marks = fv_realloc(r->ctx, r->marks, (size_t)more * sizeof *marks);
        if (!marks)
            return FV_ERR_NO_MEMORY;
        r->marks = marks;
        r->marks_capacity = more;
    }
    r->marks[r->n_marks++] = (fv_check_class_mark){sample, boxes, (int32_t) class};
    return FV_OK;
}

fv_status fv_check_marks(fv_check_report *r)
{
    if (!r->layout->marks)
        return FV_OK;
    for (int k = 0; k < FV_SPLIT_COUNT; k++) {
        fv_check_split *s = &r->splits[k];
        s->marked = fv_calloc(r->ctx, (size_t)r->classes.count + 1, sizeof *s->marked);
        s->boxes = fv_calloc(r->ctx, (size_t)r->classes.count + 1, sizeof *s->boxes);
        if (!s->marked || !s->boxes)
            return FV_ERR_NO_MEMORY;
    }
    for (int64_t i = 0; i < r->n_marks; i++) {
        const fv_check_class_mark *m = &r->marks[i];
        const fv_check_sample *sample = &r->samples[m->sample];
        if (sample->error)
            continue;
        r->splits[sample->split].marked[m->class]++;
        r->splits[sample->split].boxes[m->class] += m->boxes;
    }
    return FV_OK;
}

fv_check_counts fv_check_split_counts(const fv_check_report *r, const fv_check_split *s)
{
    return s->marked ? (fv_check_counts){&r->classes, s->marked} : (fv_check_counts){&s->classes, s->per_class};
}
