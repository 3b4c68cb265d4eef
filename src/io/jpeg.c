/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JPEG (ITU-T T.81) through libjpeg-turbo. Before the library sees the file its markers are walked here, for the size,
 * the coding process and the orientation, so that what cannot be decoded is refused with its reason.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "io/jpeg_baseline.h"

#include <jpeglib.h>
#include <jerror.h>

/*
 * With fv_decode_options.fast: by how much the reduced image must still exceed what it will be resized to. Photographs
 * reduced to half while decoded and then bilinearly to 1/m, against resizing the whole: at m = 1.5 they differ by 1.3
 * grey levels in the mean, at 2 by 0.9 (at most 16), at 3 by 0.5 (at most 6), at 6 by 0.2 (at most 3). Nowhere are they
 * equal within one level, and so this is not done unless it is asked for; then for speed.
 */
#define FAST_MARGIN 1.25
#define MAX_SCANS   500 /* of a progressive file; each costs a pass over the whole image */

/* What the markers before the first scan say. */
typedef struct jpeg_header {
    int sof; /* 0xC0 to 0xCF; 0: none found */
    int precision, h, w, components;
    int orientation;
    bool icc;
} jpeg_header;

/* Everything that must survive a longjmp or be freed after one. */
typedef struct jpeg_state {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr err;
    struct jpeg_source_mgr src;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    fv_image_job *job;
    uint8_t *row; /* one line of CMYK */
    char message[JMSG_LENGTH_MAX];
    bool eof;         /* the decoder asked for bytes behind the end */
    bool complete;    /* all rows are there, as far as the library can tell */
    bool lost_scans;  /* of a file of several scans */
    bool ended_early; /* coded data of a scan ended before its last block */
    int64_t early_byte, early_row;
} jpeg_state;

static bool jpeg_sniff(const uint8_t *data, size_t size)
{
    return size >= 3 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF;
}

static bool is_sof(int marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static void read_header(const uint8_t *data, size_t size, jpeg_header *header)
{
    *header = (jpeg_header){.orientation = 1};
    bool have_exif = false;
    size_t at = 2;
    while (size - at >= 4) {
        if (data[at] != 0xFF || data[at + 1] == 0xFF || data[at + 1] == 0x00) {
            at++;
            continue;
        }
        int marker = data[at + 1];
        at += 2;
        if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8))
            continue;
        size_t length = (size_t)data[at] << 8 | data[at + 1];
        if (marker == 0xD9 || marker == 0xDA || length < 2 || length > size - at)
            return;
        const uint8_t *body = data + at + 2;
        if (is_sof(marker) && length >= 8 && header->sof == 0) {
            header->sof = marker;
            header->precision = body[0];
            header->h = body[1] << 8 | body[2];
            header->w = body[3] << 8 | body[4];
            header->components = body[5];
        }
        if (marker == 0xE1 && length >= 8 && !have_exif && memcmp(body, "Exif\0", 5) == 0) {
            have_exif = true;
            header->orientation = fv_exif_orientation(body + 6, length - 8);
        }
        header->icc |= marker == 0xE2 && length >= 14 && memcmp(body, "ICC_PROFILE", 12) == 0;
        at += length;
    }
}

static fv_status check_header(fv_image_job *job, const jpeg_header *header)
{
    if (header->sof == 0)
        return FV_OK; /* the library tells what is wrong, or where the file ends */
    const char *why = NULL;
    if (header->sof >= 0xC9)
        why = "arithmetic coding";
    else if (header->sof == 0xC3 || header->sof == 0xC7)
        why = "lossless JPEG";
    else if (header->sof >= 0xC5)
        why = "hierarchical JPEG";
    else if (header->precision != 8)
        why = header->precision == 12 ? "12-bit JPEG" : "a sample precision other than 8 bits";
    if (why)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, -1,
                             "%s is not supported (save it as baseline "
                             "or progressive JPEG with 8 bits)",
                             why);
    if (header->components != 1 && header->components != 3 && header->components != 4)
        return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_CODING, -1,
                             "JPEG with %d components is not supported (1, 3 or 4 are)", header->components);
    return fv_image_check_size(job, header->h, header->w);
}

static int64_t position(const jpeg_state *s)
{
    return (int64_t)(s->job->size - s->src.bytes_in_buffer);
}

static void on_error(j_common_ptr common)
{
    jpeg_state *s = common->client_data;
    common->err->format_message(common, s->message);
    longjmp(s->jump, 1);
}

/* Coded data ended before the scan was complete: at the end of the file, or at a marker that should not be there. */
static void note_early_end(jpeg_state *s)
{
    const struct jpeg_decompress_struct *cinfo = &s->cinfo;
    if (s->ended_early || (cinfo->unread_marker >= 0xD0 && cinfo->unread_marker <= 0xD7))
        return; /* a restart marker: only the interval before it suffers */
    size_t at = (size_t)position(s);
    s->ended_early = true;
    s->early_row = (int64_t)cinfo->input_iMCU_row * cinfo->max_v_samp_factor * DCTSIZE;
    while (!s->eof && at + 1 < s->job->size && !(s->job->data[at] == 0xFF && s->job->data[at + 1] >= 0xC0))
        at++;
    s->early_byte = s->eof ? (int64_t)s->job->size : (int64_t)at;
}

static void on_message(j_common_ptr common, int level)
{
    jpeg_state *s = common->client_data;
    if (level >= 0)
        return;
    common->err->num_warnings++;
    if (common->err->msg_code == JWRN_HIT_MARKER)
        note_early_end(s);
    char text[JMSG_LENGTH_MAX];
    common->err->format_message(common, text);
    fv_image_warn(s->job, text);
}

static void on_output(j_common_ptr common)
{
    (void)common;
}

static void source_init(j_decompress_ptr cinfo)
{
    (void)cinfo;
}

static boolean source_fill(j_decompress_ptr cinfo)
{
    static const JOCTET end[2] = {0xFF, JPEG_EOI};
    jpeg_state *s = cinfo->client_data;
    s->eof = true;
    s->src.next_input_byte = end;
    s->src.bytes_in_buffer = 2;
    return TRUE;
}

static void source_skip(j_decompress_ptr cinfo, long n)
{
    jpeg_state *s = cinfo->client_data;
    if (n <= 0)
        return;
    if ((unsigned long)n > s->src.bytes_in_buffer) {
        source_fill(cinfo);
        return;
    }
    s->src.next_input_byte += n;
    s->src.bytes_in_buffer -= (size_t)n;
}

static void on_progress(j_common_ptr common)
{
    jpeg_state *s = common->client_data;
    if (s->cinfo.input_scan_number <= MAX_SCANS)
        return;
    snprintf(s->message, sizeof s->message, "more than %d scans", MAX_SCANS);
    longjmp(s->jump, 1);
}

/* C, M, Y, K -> R, G, B. Adobe's files store the inverse of the ink, which is the light that remains. */
static void cmyk_to_rgb(const uint8_t *src, uint8_t *dst, int64_t w, bool inverted)
{
    for (int64_t x = 0; x < w; x++, src += 4, dst += 3) {
        const uint32_t k = inverted ? src[3] : 255u - src[3];
        for (int i = 0; i < 3; i++) {
            const uint32_t light = inverted ? src[i] : 255u - src[i];
            dst[i] = (uint8_t)((light * k + 127u) / 255u);
        }
    }
}

/* Whether a file of several scans lost some of them. */
static bool lacks_scans(const struct jpeg_decompress_struct *cinfo)
{
    if (!cinfo->progressive_mode)
        return cinfo->comps_in_scan < cinfo->num_components && cinfo->input_scan_number < cinfo->num_components;
    for (int i = 0; cinfo->coef_bits && i < cinfo->num_components; i++) {
        for (int k = 0; k < DCTSIZE2; k++) {
            if (cinfo->coef_bits[i][k] != 0)
                return true;
        }
    }
    return false;
}

/* By how much the image may be reduced while it is decoded. */
static int reduction(const fv_image_job *job)
{
    const fv_image_request *r = job->request;
    if (!r || r->full_h == 0 || !job->options.fast || r->h < 1 || r->w < 1 || job->options.salvage)
        return 1;
    const double y = (r->y1 - r->y0) / (double)r->h, x = (r->x1 - r->x0) / (double)r->w;
    const double least = y < x ? y : x;
    int denom = 1;
    while (denom < 8 && least >= 2.0 * FAST_MARGIN * denom)
        denom *= 2;
    return denom;
}

/* A part of the image came reduced: pixels of `step`, the last of which may reach beyond the edge. */
static void gave_reduced(fv_image_job *job, int64_t h, int64_t w, const fv_image_part *reduced, int step)
{
    const fv_image_part part = {reduced->y0 * step, reduced->x0 * step, reduced->y1 * step, reduced->x1 * step};
    fv_image_gave(job, h, w, &part);
    if (job->request)
        job->request->step = step;
}

/* The library's part; it may leave by longjmp to its caller. */
static fv_status decode_rows(jpeg_state *s)
{
    struct jpeg_decompress_struct *cinfo = &s->cinfo;
    fv_image_job *job = s->job;
    jpeg_create_decompress(cinfo);
    cinfo->src = &s->src;
    cinfo->progress = &s->progress;
    jpeg_read_header(cinfo, TRUE);
    FV_TRY(fv_image_check_size(job, cinfo->image_height, cinfo->image_width));
    const bool cmyk = cinfo->num_components == 4;
    cinfo->out_color_space = cmyk ? JCS_CMYK : cinfo->num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
    cinfo->dct_method = JDCT_ISLOW;
    cinfo->scale_num = 1;
    cinfo->scale_denom = (unsigned)reduction(job);
    jpeg_calc_output_dimensions(cinfo);
    const int64_t h = cinfo->output_height, w = cinfo->output_width, c = cinfo->num_components == 1 ? 1 : 3;
    if (jpeg_has_multiple_scans(cinfo)) /* the coefficients of all of it */
        FV_TRY(fv_image_afford(job, 2 * (int64_t)cinfo->image_height * cinfo->image_width * cinfo->num_components));
    FV_TRY(fv_image_alloc(job, h, w, c, FV_DEPTH_8));
    if (cmyk) {
        s->row = fv_malloc(job->ctx, (size_t)w * 4);
        if (!s->row)
            return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for a row");
    }
    job->notes.cmyk = cmyk;
    job->notes.grey = c == 1;
    jpeg_start_decompress(cinfo);
    while (cinfo->output_scanline < cinfo->output_height) {
        uint8_t *dst = job->image.data + (int64_t)cinfo->output_scanline * w * c;
        JSAMPROW line = cmyk ? s->row : dst;
        if (jpeg_read_scanlines(cinfo, &line, 1) == 1 && cmyk)
            cmyk_to_rgb(s->row, dst, w, cinfo->saw_Adobe_marker);
    }
    if (cinfo->scale_denom > 1)
        gave_reduced(job, cinfo->image_height, cinfo->image_width, &(fv_image_part){0, 0, h, w},
                     (int)cinfo->scale_denom);
    s->complete = true;
    s->lost_scans = lacks_scans(cinfo); /* looks at what finishing frees */
    jpeg_finish_decompress(cinfo);      /* goes on to the end-of-image marker */
    return FV_OK;
}

static fv_status truncated(jpeg_state *s, int64_t byte, int64_t row)
{
    fv_image_job *job = s->job;
    const struct jpeg_decompress_struct *cinfo = &s->cinfo;
    if (job->options.salvage && job->image.data) {
        int64_t stride = job->image.w * job->image.c;
        int64_t from = row < job->image.h ? row : job->image.h;
        job->notes.salvaged = true;
        job->notes.bad_byte = byte;
        memset(job->image.data + from * stride, 128, (size_t)((job->image.h - from) * stride));
        return FV_OK;
    }
    if (!job->image.data)
        return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, byte,
                             "truncated JPEG at byte %lld of %zu: the header is not complete", (long long)byte,
                             job->size);
    return fv_image_fail(job, FV_ERR_DATA_TRUNCATED, FV_FAULT_TRUNCATED, byte,
                         "truncated JPEG at byte %lld of %zu (%s %lld of %u)", (long long)byte, job->size,
                         cinfo->progressive_mode ? "scan" : "row",
                         (long long)(cinfo->progressive_mode ? cinfo->input_scan_number : row), cinfo->image_height);
}

/* The library has decoded all rows: are they what the file should have had? */
static fv_status judge(jpeg_state *s)
{
    const struct jpeg_decompress_struct *cinfo = &s->cinfo;
    const int64_t size = (int64_t)s->job->size;
    const bool many_scans = cinfo->progressive_mode || cinfo->comps_in_scan < cinfo->num_components;
    const int64_t mcu_rows = (int64_t)cinfo->max_v_samp_factor * DCTSIZE;
    if (s->ended_early) {
        bool last_row = !many_scans && s->early_row + mcu_rows >= (int64_t)cinfo->image_height;
        if (last_row && !s->eof)
            return FV_OK; /* decodable up to a few blocks, and properly closed: kept with the warning */
        return truncated(s, s->early_byte, many_scans ? (int64_t)cinfo->image_height : s->early_row + mcu_rows);
    }
    if (s->eof && many_scans && s->lost_scans)
        return truncated(s, size, cinfo->image_height);
    if (s->eof)
        fv_image_warn(s->job, "the end-of-image marker is missing");
    return FV_OK;
}

static fv_status judge_error(jpeg_state *s)
{
    fv_image_job *job = s->job;
    if (s->err.msg_code == JERR_OUT_OF_MEMORY)
        return fv_image_fail(job, FV_ERR_NO_MEMORY, FV_FAULT_NONE, -1, "no memory for decoding");
    int64_t done = job->image.data ? (int64_t)s->cinfo.output_scanline : 0;
    if (s->eof)
        return truncated(s, (int64_t)job->size, done);
    if (job->options.salvage && done > 0)
        return truncated(s, position(s), done);
    return fv_image_fail(job, FV_ERR_DATA_FORMAT, FV_FAULT_TRUNCATED, position(s),
                         "corrupt JPEG at byte %lld of %zu: %s", (long long)position(s), job->size, s->message);
}

/* setjmp has a function of its own, without locals that a jump could spoil. False: the library gave up. */
static bool guarded(jpeg_state *s, fv_status *status)
{
    if (setjmp(s->jump))
        return false;
    *status = decode_rows(s);
    return true;
}

static fv_status jpeg_decode(fv_image_job *job)
{
    jpeg_header header;
    read_header(job->data, job->size, &header);
    FV_TRY(check_header(job, &header));
    job->orientation = header.orientation;
    job->notes.icc = header.icc;
    if (header.sof == 0xC0 || header.sof == 0xC1) {
        const fv_image_part asked = fv_image_ask(job, header.h, header.w);
        const int step = reduction(job);
        const fv_image_part part = {asked.y0 / step, asked.x0 / step, (asked.y1 + step - 1) / step,
                                    (asked.x1 + step - 1) / step};
        bool done = false;
        if (!job->options.salvage)
            FV_TRY(fv_jpeg_baseline(job, &part, step, &done));
        if (done) {
            gave_reduced(job, header.h, header.w, &part, step);
            return FV_OK;
        }
    } else if (header.sof) {
        fv_image_ask(job, header.h, header.w);
    }

    jpeg_state s = {.job = job};
    s.cinfo.err = jpeg_std_error(&s.err);
    s.cinfo.client_data = &s;
    s.err.error_exit = on_error;
    s.err.emit_message = on_message;
    s.err.output_message = on_output;
    s.progress.progress_monitor = on_progress;
    s.src = (struct jpeg_source_mgr){.next_input_byte = job->data,
                                     .bytes_in_buffer = job->size,
                                     .init_source = source_init,
                                     .fill_input_buffer = source_fill,
                                     .skip_input_data = source_skip,
                                     .resync_to_restart = jpeg_resync_to_restart,
                                     .term_source = source_init};
    fv_status status = FV_OK;
    const bool returned = guarded(&s, &status);
    if (s.complete) {
        if (!returned)
            fv_image_warn(job, s.message); /* what follows the picture is damaged */
        status = judge(&s);
    } else if (!returned) {
        status = judge_error(&s);
    }
    jpeg_destroy_decompress(&s.cinfo);
    fv_free(job->ctx, s.row);
    return status;
}

const fv_image_format fv_image_jpeg = {
    .name = "jpeg", .title = "JPEG", .extensions = " jpg jpeg jpe jfif ", .sniff = jpeg_sniff, .decode = jpeg_decode};
