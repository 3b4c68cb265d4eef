/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The usual kind of JPEG, decoded by own code: sequential Huffman coding in one scan, 8 bits, grey or YCbCr with chroma
 * at full size, half the width, or half of both. It gives exactly the pixels of libjpeg's defaults, from the part of
 * the image that is asked for, or that part reduced; whatever is unusual in the file leaves it to libjpeg, which also
 * knows what to say.
 */
#ifndef FV_IO_JPEG_BASELINE_H
#define FV_IO_JPEG_BASELINE_H

#include "io/image.h"

/*
 * Decodes a part of job->data into job->image: of the image at 1 / denom of its size (1, 2, 4, 8; the last pixels may
 * reach beyond its edges), whose pixels are means of denom x denom pixels, colors by the same rule. The whole scan is
 * looked through whatever the part is, so that whether a file is sound never depends on it. *done is false, without an
 * image, when libjpeg has to do it.
 */
fv_status fv_jpeg_baseline(fv_image_job *job, const fv_image_part *part, int denom, bool *done);

#endif
