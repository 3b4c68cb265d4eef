/* SPDX-License-Identifier: Apache-2.0 */
/* WebP through libwebp, where that was there when fovea was built. Of an animation the first frame on its canvas. */
#include <string.h>

#include "io/image.h"

#ifdef FV_WITH_WEBP
#include <webp/decode.h>
#endif

static bool webp_sniff(const uint8_t *data, size_t size)
{
    return size >= 12 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

#ifdef FV_WITH_WEBP

/* What the container says: the picture's own data, and where it lies on the canvas. */
typedef struct webp_file {
    int64_t h, w;             /* of the canvas; 0: the picture's own size */
    int64_t x, y;             /* of the frame */
    int64_t frame_h, frame_w; /* of the frame; 0: no animation */
    const uint8_t *data;      /* for libwebp */
    size_t size;
} webp_file;

static uint32_t u24(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static uint32_t u32(const uint8_t *p)
{
    return u24(p) | (uint32_t)p[3] << 24;
}

static fv_status fail_truncated(fv_image_job *job)
{
    return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, (int64_t)job->size,
                         "truncated WebP at byte %zu of %zu", job->size, job->size);
}

/* Walks through the chunks for notes, orientation and the first frame. */
static fv_status read_container(fv_image_job *job, webp_file *f)
{
    const uint8_t *data = job->data;
    *f = (webp_file){.data = data, .size = job->size};
    const size_t riff = (size_t)u32(data + 4) + 8, end = riff < job->size ? riff : job->size;
    bool frame = false;
    for (size_t at = 12; at < end && end - at >= 8;) {
        const uint8_t *chunk = data + at;
        const size_t n = u32(chunk + 4), left = end - at - 8;
        if (n > left)
            return fail_truncated(job);
        if (memcmp(chunk, "VP8X", 4) == 0 && n >= 10) {
            f->w = 1 + (int64_t)u24(chunk + 12);
            f->h = 1 + (int64_t)u24(chunk + 15);
            job->notes.animated = chunk[8] & 2;
        } else if (memcmp(chunk, "ICCP", 4) == 0) {
            job->notes.icc = true;
        } else if (memcmp(chunk, "EXIF", 4) == 0) {
            const size_t skip = n >= 6 && memcmp(chunk + 8, "Exif\0", 5) == 0 ? 6 : 0;
            job->orientation = fv_exif_orientation(chunk + 8 + skip, n - skip);
        } else if (memcmp(chunk, "ANMF", 4) == 0 && n > 16 && !frame) {
            frame = true;
            f->x = 2 * (int64_t)u24(chunk + 8);
            f->y = 2 * (int64_t)u24(chunk + 11);
            f->frame_w = 1 + (int64_t)u24(chunk + 14);
            f->frame_h = 1 + (int64_t)u24(chunk + 17);
            f->data = chunk + 24;
            f->size = n - 16;
        }
        at += 8 + n + (n & 1 && n < left);
    }
    if (riff > job->size)
        return fail_truncated(job);
    if (job->notes.animated && !frame)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, -1,
                             "corrupt WebP: an animation without frames");
    return FV_OK;
}

static fv_status fail_corrupt(fv_image_job *job, VP8StatusCode code)
{
    static const char *const words[] = {"",
                                        "no memory",
                                        "a wrong parameter",
                                        "not a valid bit stream",
                                        "a feature that libwebp does not support",
                                        "suspended",
                                        "aborted",
                                        "not enough data"};
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    if (code == VP8_STATUS_NOT_ENOUGH_DATA)
        return fail_truncated(job);
    const char *word = (size_t)code < sizeof words / sizeof *words ? words[code] : "unknown failure";
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, -1, "corrupt WebP: %s", word);
}

static fv_status webp_decode(fv_image_job *job)
{
    webp_file f;
    FV_TRY(read_container(job, &f));
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fv_image_fail(job, FV_ERR_INTERNAL, FV_FAULT_NONE, -1, "libwebp has another version than its header");
    VP8StatusCode code = WebPGetFeatures(f.data, f.size, &config.input);
    if (code != VP8_STATUS_OK)
        return fail_corrupt(job, code);
    const int64_t h = config.input.height, w = config.input.width;
    const bool framed = f.frame_h > 0;
    if (framed && (h != f.frame_h || w != f.frame_w || f.y + h > f.h || f.x + w > f.w))
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, -1,
                             "corrupt WebP: the first frame does not fit its canvas");
    const int64_t full_h = framed ? f.h : h, full_w = framed ? f.w : w;
    FV_TRY(fv_image_check_size(job, full_h, full_w));
    if (config.input.format == 2) /* lossless: libwebp has all of it for itself */
        FV_TRY(fv_image_afford(job, 4 * h * w));
    const bool alpha = config.input.has_alpha || full_h != h || full_w != w;
    const int64_t c = alpha ? 4 : 3;
    FV_TRY(fv_image_alloc(job, full_h, full_w, c, FV_DEPTH_8));
    memset(job->image.data, 0, (size_t)(full_h * full_w * c));
    job->notes.alpha = alpha;
    config.output.colorspace = alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = job->image.data + (f.y * full_w + f.x) * c;
    config.output.u.RGBA.stride = (int)(full_w * c);
    config.output.u.RGBA.size = (size_t)(((h - 1) * full_w + w) * c);
    code = WebPDecode(f.data, f.size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? FV_OK : fail_corrupt(job, code);
}

#else

static fv_status webp_decode(fv_image_job *job)
{
    return fv_image_lacks(job, &fv_image_webp);
}

#endif

const fv_image_format fv_image_webp = {.name = "webp",
                                       .title = "WebP",
                                       .extensions = " webp ",
                                       .library = "libwebp",
#ifndef FV_WITH_WEBP
                                       .missing = true,
#endif
                                       .sniff = webp_sniff,
                                       .decode = webp_decode};
